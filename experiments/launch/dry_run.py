"""`--dry-run`: print the plan, measure a few iterations, leave no trace."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo import algorithms
from rllib_zoo.experiments.console import stderr_console
from rllib_zoo.experiments.launch.estimate import estimate, measured
from rllib_zoo.experiments.launch.ray_cluster import (
    available,
    check_cluster,
    is_cluster,
    running_ray,
)
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.manifest import jsonable
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import is_drawn, samplers
from rllib_zoo.experiments.sweeps.ranking import varied
from rllib_zoo.experiments.sweeps.search import (
    number_of_configurations,
    number_of_trials,
    random_state,
    search_name,
)

# Draws that are shown.
FIRST = 3


def print_plan(experiment: Experiment, resolved: Any, folder: Path, space: Any = None) -> None:
    """Print the checked experiment as YAML, defaults that differ filled in.

    Args:
        experiment: the request.
        resolved: its configuration after defaults.
        folder: where its results would go.
        space: what Tune would draw from; None: nothing is said of draws.
    """
    plan = {
        experiment.name: {
            "run": experiment.algorithm,
            "env": jsonable(experiment.env),
            "config": jsonable(experiment.config),
            "stop": jsonable(experiment.stop),
            "seeds": experiment.planned_seeds,
            "num_samples": experiment.num_samples,
            "results": str(folder),
            "steps_per_update": algorithms.descriptor(experiment.algorithm).steps_per_update(
                resolved
            ),
            **_sweep(experiment, space),
        }
    }
    print(yaml.safe_dump(plan, sort_keys=False).rstrip())


def _sweep(experiment: Experiment, space: Any) -> dict[str, Any]:
    """How many trials of what; nothing where there is one configuration."""
    configurations = number_of_configurations(experiment)
    spaces = {"env": experiment.env, **experiment.config}
    if not experiment.scheduler and next(samplers(spaces), None) is None:
        return {}
    named = {
        "trials": number_of_trials(experiment),
        "configurations": configurations,
        "search": search_name(experiment),
        "scheduler": jsonable(experiment.scheduler or "fifo"),
        "metric": experiment.metric,
        "mode": experiment.mode or "max",
        "max_concurrent": experiment.max_concurrent,
        "time_budget_s": experiment.time_budget_s,
    }
    found = {key: value for key, value in named.items() if value is not None}
    if space is not None and search_name(experiment) == "random" and is_drawn(spaces):
        found["first"] = _first_draws(experiment, space)
    return {"sweep": found}


def _first_draws(experiment: Experiment, space: Any) -> list[dict[str, Any]]:
    """What the first samples will draw, of every grid the first alternative."""
    from ray.tune.search.variant_generator import generate_variants

    state, found = random_state(experiment), []
    for _ in range(min(experiment.num_samples, FIRST)):
        drawn = generate_variants({"config": space}, constant_grid_search=True, random_state=state)
        found.append(varied(experiment, next(drawn)[1]["config"]))
    return found


def dry_run(jobs: list[tuple[Any, dict[str, Any]]], options: LaunchOptions) -> None:
    """Print every job's plan; unless told otherwise, train a little to tell time and memory.

    Args:
        jobs: :class:`rllib_zoo.experiments.launch.jobs.Job`s, each with what Tune would draw from.
        options: the command's.

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
                check_cluster(job.validated)
            with stderr_console().status(f"{job.experiment.name}: training a few iterations …"):
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
        "cpus_per_trial": job.validated.demand.cpus,
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
    each = job.validated.demand.cpus
    fitting = int(cpus / each) if each else job.trials
    return max(min(job.trials, fitting, job.experiment.max_concurrent or job.trials), 1)
