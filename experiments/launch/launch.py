"""Running experiments through Ray Tune."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.config.from_options import option_notes
from rllib_zoo.experiments.console import note, print_stderr
from rllib_zoo.experiments.launch.dry_run import dry_run
from rllib_zoo.experiments.launch.jobs import Job, validate_job
from rllib_zoo.experiments.launch.ray_cluster import (
    check_cluster,
    check_options,
    is_cluster,
    running_ray,
)
from rllib_zoo.experiments.launch.resume import begun_before
from rllib_zoo.experiments.launch.summary import print_summary, resume_command, trial_rows
from rllib_zoo.experiments.launch.tuner import (
    new_tuner,
    param_space,
    restored_tuner,
    tracking_callbacks,
)
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.manifest import finish_manifest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.ranking import ranking
from rllib_zoo.experiments.tune.disk_errors import disk_fault
from rllib_zoo.experiments.tune.progress import close_displays
from rllib_zoo.experiments.tune.signals import Interruption

DONE = 0
EXIT_CODES = {"done": DONE, "failed": 1, "interrupted": 130}


def launch(experiments: list[Experiment], options: LaunchOptions) -> int:
    """Check all experiments, then run them one after another.

    Returns:
        The exit code.

    Raises:
        RequestError: before Ray starts, when anything in the request is wrong.
    """
    callbacks = tracking_callbacks(options)
    check_options(options)
    begun = begun_before(experiments, options)
    jobs = [validate_job(e, options, resume) for e, resume in zip(experiments, begun, strict=True)]
    translated = [note for job in jobs for note in job.experiment.all_notes]
    for line in dict.fromkeys([*option_notes(options), *translated]):
        note(line)
    for job in jobs:
        if options.resume and not job.resume:
            note(f"{job.folder} has no trials to continue: it starts from the beginning")
    if options.dry_run:
        dry_run([(job, param_space(job, options)) for job in jobs], options)
        return DONE
    with running_ray(options):
        if is_cluster(options):
            for job in jobs:
                check_cluster(job.validated)
        return run_all(jobs, options, callbacks)


def run_all(jobs: list[Job], options: LaunchOptions, callbacks: list[Any]) -> int:
    """Run one after another, up to an interruption; the exit code."""
    codes = []
    for number, job in enumerate(jobs, 1):
        codes.append(run_job(job, options, callbacks))
        if codes[-1] == EXIT_CODES["interrupted"]:
            if left := [other.experiment.name for other in jobs[number:]]:
                print_stderr(f"not started: {', '.join(left)}; --resume starts them")
            break
    return max(codes)


def run_job(job: Job, options: LaunchOptions, callbacks: list[Any]) -> int:
    """Run one experiment; its exit code."""
    algorithms.register()
    started = time.monotonic()
    try:
        return _concluded(job, _results(job, options, callbacks), started)
    except Exception as error:
        if (fault := disk_fault(error)) is None:
            raise
        return _failed_on_disk(job, fault)


def _results(job: Job, options: LaunchOptions, callbacks: list[Any]) -> Any:
    """What Tune gives back; None after an interruption that it did not hear of."""
    try:
        with Interruption():
            return (restored_tuner(job) if job.resume else new_tuner(job, options, callbacks)).fit()
    except KeyboardInterrupt:
        return None
    finally:
        close_displays()


def _concluded(job: Job, results: Any, started: float) -> int:
    """Note in the manifest and print what became of an experiment; its exit code."""
    seconds = time.monotonic() - started
    budget = job.experiment.time_budget_s
    out_of_time = budget is not None and seconds >= budget
    rows = []
    if results is not None:
        rows = trial_rows(job.experiment, results, out_of_time=out_of_time)
    statuses = {row["status"] for row in rows} or {"interrupted"}
    status = next((name for name in ("interrupted", "failed") if name in statuses), "done")
    ranks = ranking(job.experiment, rows)
    finish_manifest(job.folder, status, rows, ranks)
    print_summary(job.experiment, rows, job.folder, seconds, ranks)
    return EXIT_CODES[status]


def _failed_on_disk(job: Job, fault: str) -> int:
    """Say why nothing more can be written, and how to go on; the exit code."""
    with suppress(OSError):
        finish_manifest(job.folder, "failed", [], [])
    line = f"{job.folder}: {fault}; what was whole is kept, and goes on with: {resume_command()}"
    print_stderr(line)
    return EXIT_CODES["failed"]
