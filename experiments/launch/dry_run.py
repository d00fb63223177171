"""`--dry-run`: print the plan and an estimate, with `--measure` from a few iterations; leave no files."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from typing import Any

import psutil
import yaml
from rich.text import Text

from rllib_zoo.analysis.files.object_storage import shown
from rllib_zoo.experiments.console import plain_console
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch import ray_cluster
from rllib_zoo.experiments.launch.estimate import MEASURE_SECONDS, Measured, estimate, measure
from rllib_zoo.experiments.launch.validation import Validation
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.manifest import jsonable
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import is_drawn, samplers
from rllib_zoo.experiments.sweeps import search
from rllib_zoo.experiments.sweeps.ranking import varied

# Number of sampled configurations in the plan.
SAMPLES = 3


def print_plan(validation: Validation, folder: Path, space: Any = None) -> None:
    """Print a valid experiment as YAML; ``space``: Tune's, to show the first samples."""
    experiment = validation.experiment
    plan = {
        experiment.name: {
            "run": experiment.algorithm,
            "env": jsonable(experiment.env),
            "config": jsonable(experiment.config),
            "stop": jsonable(experiment.stop),
            "seeds": experiment.planned_seeds,
            "num_samples": experiment.num_samples,
            "results": shown(folder),
            "steps_per_update": validation.steps_per_update,
            **_sweep(experiment, space),
        }
    }
    print(yaml.safe_dump(plan, sort_keys=False).rstrip())


def _sweep(experiment: Experiment, space: Any) -> dict[str, Any]:
    """Trials, search and scheduler; empty if there is a single configuration."""
    spaces = {"env": experiment.env, **experiment.config}
    if not experiment.scheduler and next(samplers(spaces), None) is None:
        return {}
    settings = {
        "trials": search.number_of_trials(experiment),
        "configurations": search.number_of_configurations(experiment),
        "search": search.search_name(experiment),
        "scheduler": jsonable(experiment.scheduler or "fifo"),
        "metric": experiment.metric,
        "mode": experiment.mode or "max",
        "max_concurrent": experiment.max_concurrent,
        "time_budget_s": experiment.time_budget_s,
    }
    sweep = {key: value for key, value in settings.items() if value is not None}
    if space is not None and settings["search"] == "random" and is_drawn(spaces):
        sweep["first"] = _first_samples(experiment, space)
    return {"sweep": sweep}


def _first_samples(experiment: Experiment, space: Any) -> list[dict[str, Any]]:
    """The first sampled configurations; of every grid the first alternative."""
    from ray.tune.search.variant_generator import generate_variants

    state, samples = search.random_state(experiment), []
    for _ in range(min(experiment.num_samples, SAMPLES)):
        drawn = generate_variants({"config": space}, constant_grid_search=True, random_state=state)
        samples.append(varied(experiment, next(drawn)[1]["config"]))
    return samples


def require_dry_run(options: LaunchOptions) -> None:
    """Check the options of the measurement.

    Raises:
        RequestError: one is given without the option it belongs to.
    """
    if options.measure and not options.dry_run:
        raise RequestError("only with --dry-run", key="--measure")
    if options.measure_seconds is not None and not options.measure:
        raise RequestError("only with --measure", key="--measure-seconds")


def dry_run(jobs: list[tuple[Any, dict[str, Any]]], options: LaunchOptions) -> None:
    """Print every job's plan and estimate; with ``options.measure`` train briefly for the latter.

    Args:
        jobs: :class:`rllib_zoo.experiments.launch.jobs.Job`s, each with Tune's param_space.
        options: of the command.

    Raises:
        RequestError: training fails, or the cluster is too small.
    """
    if not options.measure and not ray_cluster.is_cluster(options):
        for job, space in jobs:
            _print(job, space, Measured(), options)
        return
    with ray_cluster.running_ray(options, temporary=True) as session:
        command_s = time.time() - psutil.Process().create_time()
        for job, space in jobs:
            if ray_cluster.is_cluster(options):
                ray_cluster.check_cluster(job.validation)
            measured = Measured()
            if options.measure:
                doing = Text(f"{job.experiment.name}: training a few iterations …")
                with plain_console(stderr=True).status(doing):
                    seconds = options.measure_seconds or MEASURE_SECONDS
                    measured = measure(job.validation, seconds, session.folder)
                measured.command_s = command_s
            _print(job, space, measured, options)


def _print(job: Any, space: dict[str, Any], measured: Measured, options: LaunchOptions) -> None:
    print_plan(job.validation, job.folder, space)
    need = {
        "trials": job.trials,
        "cpus_per_trial": job.validation.demand.cpus,
        "disk_mib": round(job.validation.disk.bytes / 2**20, 1),
        "disk_is_for": str(job.validation.disk),
    }
    numbers = estimate(
        measured,
        job.experiment.stop,
        trials=job.trials,
        concurrent=concurrent_trials(job, _cpus(options)),
        budget_s=job.experiment.time_budget_s,
    )
    print(_indented({"needs": need, "estimate": numbers}))


def _indented(more: dict[str, Any]) -> str:
    """More keys for the printed plan."""
    return textwrap.indent(yaml.safe_dump(more, sort_keys=False).rstrip(), "  ")


def _cpus(options: LaunchOptions) -> float:
    import ray

    cpus = ray_cluster.available_cpus(options)
    return cpus if cpus is not None else ray.cluster_resources().get("CPU", 1.0)


def concurrent_trials(job: Any, cpus: float) -> int:
    """How many trials run at the same time."""
    each = job.validation.demand.cpus
    most = int(cpus / each) if each else job.trials
    return max(min(job.trials, most, job.experiment.max_concurrent or job.trials), 1)
