"""`--dry-run`: print the plan, measure a few iterations, leave no trace."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml
from rich.console import Console

from rllib_zoo.experiments.launch.estimate import estimate, measured
from rllib_zoo.experiments.launch.plan import print_plan
from rllib_zoo.experiments.launch.ray_cluster import check_cluster, running_ray
from rllib_zoo.experiments.launch.ray_options import available, is_cluster
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.validation.resources import demand_of


def dry_run(jobs: list[tuple[Any, dict[str, Any]]], options: LaunchOptions, notes: Console) -> None:
    """Print every job's plan; unless told otherwise, train a little to tell time and memory.

    Args:
        jobs: :class:`rllib_zoo.experiments.launch.jobs.Job`s, each with what Tune would draw from.
        options: the command's.
        notes: where people are told that it takes a moment.

    Raises:
        RequestError: training fails, or the cluster has no room.
    """
    if not options.estimate:
        for job, space in jobs:
            _print(job, space)
        return
    with running_ray(options, temporary=True) as folder:
        for job, space in jobs:
            _print(job, space)
            if is_cluster(options):
                check_cluster(job.experiment, job.resolved)
            with notes.status(f"{job.experiment.name}: training a few iterations …"):
                found = measured(job.experiment, job.resolved, options.estimate_seconds, folder)
            numbers = estimate(
                found,
                job.experiment.stop,
                trials=job.trials,
                at_once=trials_at_once(job, _cpus(options)),
                budget_s=job.experiment.time_budget_s,
            )
            print(_indented({"estimate": numbers}))


def _print(job: Any, space: dict[str, Any]) -> None:
    print_plan(job.experiment, job.resolved, job.folder, space)
    need = {
        "trials": job.trials,
        "cpus_per_trial": demand_of(job.resolved).cpus,
        "disk_mib": round(job.disk.bytes / 2**20, 1),
        "disk_is_for": str(job.disk),
    }
    print(_indented({"needs": need}))


def _indented(more: dict[str, Any]) -> str:
    """Further keys of the plan that was just printed."""
    return textwrap.indent(yaml.safe_dump(more, sort_keys=False).rstrip(), "  ")


def _cpus(options: LaunchOptions) -> float:
    import ray

    here, _ = available(options)
    return here if here is not None else ray.cluster_resources().get("CPU", 1.0)


def trials_at_once(job: Any, cpus: float) -> int:
    """How many trials run side by side."""
    each = demand_of(job.resolved).cpus
    fitting = int(cpus / each) if each else job.trials
    return max(min(job.trials, fitting, job.experiment.max_concurrent or job.trials), 1)
