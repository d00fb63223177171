"""Running valid experiments through Ray Tune, one after another."""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from rllib_zoo.algorithms.trainable import register_for_tune
from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.object_storage import upload
from rllib_zoo.experiments.console import print_stderr, show_stage
from rllib_zoo.experiments.errors import RequestError, first_line
from rllib_zoo.experiments.launch import ray_cluster, tuner
from rllib_zoo.experiments.launch.folder_watch import FolderWatch
from rllib_zoo.experiments.launch.jobs import Job
from rllib_zoo.experiments.launch.ownership import owned
from rllib_zoo.experiments.launch.resume import can_resume, is_done
from rllib_zoo.experiments.launch.summary import (
    overall_status,
    print_summary,
    resume_command,
    trial_rows,
)
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.folder_lock import Lock
from rllib_zoo.experiments.provenance.manifest import finish_manifest
from rllib_zoo.experiments.sweeps.ranking import ranking
from rllib_zoo.experiments.sweeps.winner import write_best_settings
from rllib_zoo.experiments.tune.disk_errors import disk_fault
from rllib_zoo.experiments.tune.progress import close_displays
from rllib_zoo.experiments.tune.ray_internals import trials_of
from rllib_zoo.experiments.tune.signals import Interruption, active
from rllib_zoo.experiments.tune.storage import upload_staged

EXIT_CODES = {"done": 0, "failed": 1, "refused": 2, "interrupted": 130}


def run_all(jobs: list[Job], options: LaunchOptions) -> int:
    """Run jobs one after another, those after a failed one too, until a signal; the exit code."""
    codes = []
    with Interruption() as ending:
        for number, job in enumerate(jobs, 1):
            try:
                codes.append(run_job(job, options))
            except RequestError as error:  # such as another command's having begun it meanwhile
                print_stderr(str(error))
                codes.append(EXIT_CODES["refused"])
            if ending.cause is not None:
                if left := [other.experiment.name for other in jobs[number:]]:
                    print_stderr(f"not started: {', '.join(left)}; --resume starts them")
                    codes.append(EXIT_CODES["failed" if ending.failed else "interrupted"])
                break
    return max(codes)


def run_job(job: Job, options: LaunchOptions) -> int:
    """Run one experiment as the owner of its folder; its exit code.

    Raises:
        RequestError: another command owns or began it since the checks, or it cannot be resumed.
    """
    with owned(job.folder, options) as lock:
        if is_done(job.experiment, options):
            return EXIT_CODES["done"]
        job = replace(job, resume=can_resume(job.experiment, options))
        return _run_owned(job, options, lock)


def _run_owned(job: Job, options: LaunchOptions, lock: Lock) -> int:
    register_for_tune(job.experiment.algorithm, job.validation.requests)
    started = time.monotonic()
    watch, ending = FolderWatch(job.folder), active() or Interruption()
    ending.on_abort = partial(_fail, job)
    try:
        results = _run_trials(job, options, watch, lock)
        with ending.deferred():
            if watch.close():
                return _fail_without_folder(job, watch, ending, lock)
            if ending.failed:
                return _fail(job, str(ending.cause))
            return _finish(job, results, started)
    except RequestError:
        raise
    except Exception as error:
        if watch.close():
            return _fail_without_folder(job, watch, ending, lock)
        return _fail(job, disk_fault(error) or _unexpected(job, error))
    except KeyboardInterrupt:
        print_stderr(f"interrupted by {ending.cause}; continue with: {resume_command()}")
        return EXIT_CODES["interrupted"]
    finally:
        ending.on_abort = None


def _run_trials(job: Job, options: LaunchOptions, watch: FolderWatch, lock: Lock) -> Any:
    """Tune's ResultGrid; None after an interruption that Tune did not handle."""
    try:
        resumed = tuner.restored_tuner(job) if job.resume else None
        ready = resumed or tuner.new_tuner(job, options, lock)
        watch.start()
        show_stage("starting the trials' processes")
        return ready.fit()
    except KeyboardInterrupt:
        return None
    finally:
        close_displays()


def _fail(job: Job, problem: str) -> int:
    """Record and print why an experiment ended; its exit code."""
    with suppress(OSError):
        finish_manifest(job.folder, "failed", [], [])
    with suppress(OSError):
        ray_cluster.keep_logs(job.folder)
    kept = "complete files are kept, continue with"
    print_stderr(f"{job.folder}: {problem}; {kept}: {resume_command()}")
    return EXIT_CODES["failed"]


def _fail_without_folder(job: Job, watch: FolderWatch, ending: Interruption, lock: Lock) -> int:
    """The same for an experiment whose folder was renamed or removed."""
    ending.forget_failure()
    moved = watch.new_place()
    if moved is not None:
        with suppress(OSError):
            finish_manifest(moved, "failed", [], [])
    aside = watch.set_aside() if lock.has_no_other_owner() else None
    later = "" if aside is None else f", what was written since is in {aside}"
    hint = "" if moved is None else f"rename {moved} back and "
    print_stderr(
        f"{job.folder}: was renamed or removed during training{later}; "
        f"{hint}continue with: {resume_command()}"
    )
    return EXIT_CODES["failed"]


def _unexpected(job: Job, error: Exception) -> str:
    """An exception in one line; its traceback is written to a file."""
    file = job.folder / "error.txt"
    with suppress(OSError), atomic_write(file) as draft:
        draft.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    with suppress(OSError):
        upload(file)
    return f"{type(error).__name__}: {first_line(error)} (full traceback: {file})"


def _finish(job: Job, results: Any, started: float) -> int:
    """Write an experiment's outcome to the manifest and print it; its exit code."""
    seconds = time.monotonic() - started
    budget = job.experiment.time_budget_s
    out_of_time = budget is not None and seconds >= budget
    upload_staged([] if results is None else trials_of(results))
    rows = [] if results is None else trial_rows(job.experiment, results, out_of_time=out_of_time)
    status = overall_status(rows)
    ranks = ranking(job.experiment, rows)
    finish_manifest(job.folder, status, rows, ranks)
    best = write_best_settings(job.experiment, job.folder, rows, ranks)
    print_summary(job.experiment, rows, job.folder, seconds, ranks, best)
    if status == "failed":
        ray_cluster.keep_logs(job.folder)
    return EXIT_CODES[status]
