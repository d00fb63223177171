"""Running experiments through Ray Tune."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.config.from_options import option_notes
from rllib_zoo.experiments.console import note, print_stderr
from rllib_zoo.experiments.launch import ray_cluster, tuner
from rllib_zoo.experiments.launch.dry_run import dry_run
from rllib_zoo.experiments.launch.jobs import Job, validate_job
from rllib_zoo.experiments.launch.resume import can_resume
from rllib_zoo.experiments.launch.summary import print_summary, resume_command, trial_rows
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
    """Check all experiments, then run them one after another; the exit code.

    Raises:
        RequestError: before Ray starts, for an invalid request.
    """
    callbacks = tuner.tracking_callbacks(options)
    ray_cluster.check_options(options)
    resumed = [can_resume(experiment, options) for experiment in experiments]
    jobs = [validate_job(e, options, r) for e, r in zip(experiments, resumed, strict=True)]
    notes = [line for job in jobs for line in job.experiment.all_notes]
    for line in dict.fromkeys([*option_notes(options), *notes]):
        note(line)
    for job in jobs:
        if options.resume and not job.resume:
            note(f"{job.folder} has no trials to continue: it starts from the beginning")
    if options.dry_run:
        dry_run([(job, tuner.param_space(job, options)) for job in jobs], options)
        return DONE
    with ray_cluster.running_ray(options):
        if ray_cluster.is_cluster(options):
            for job in jobs:
                ray_cluster.check_cluster(job.validated)
        return run_all(jobs, options, callbacks)


def run_all(jobs: list[Job], options: LaunchOptions, callbacks: list[Any]) -> int:
    """Run jobs one after another until one is interrupted; the exit code."""
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
        return _finish(job, _run_trials(job, options, callbacks), started)
    except Exception as error:
        if (fault := disk_fault(error)) is None:
            raise
        with suppress(OSError):
            finish_manifest(job.folder, "failed", [], [])
        print_stderr(
            f"{job.folder}: {fault}; complete files are kept, continue with: {resume_command()}"
        )
        return EXIT_CODES["failed"]


def _run_trials(job: Job, options: LaunchOptions, callbacks: list[Any]) -> Any:
    """Tune's ResultGrid; None after an interruption that Tune did not handle."""
    try:
        with Interruption():
            if job.resume:
                return tuner.restored_tuner(job).fit()
            return tuner.new_tuner(job, options, callbacks).fit()
    except KeyboardInterrupt:
        return None
    finally:
        close_displays()


def _finish(job: Job, results: Any, started: float) -> int:
    """Write an experiment's outcome to the manifest and print it; its exit code."""
    seconds = time.monotonic() - started
    budget = job.experiment.time_budget_s
    out_of_time = budget is not None and seconds >= budget
    rows = [] if results is None else trial_rows(job.experiment, results, out_of_time=out_of_time)
    statuses = {row["status"] for row in rows} or {"interrupted"}
    status = next((name for name in ("interrupted", "failed") if name in statuses), "done")
    ranks = ranking(job.experiment, rows)
    finish_manifest(job.folder, status, rows, ranks)
    print_summary(job.experiment, rows, job.folder, seconds, ranks)
    return EXIT_CODES[status]
