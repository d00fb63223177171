"""Running experiments through Ray Tune."""

from __future__ import annotations

import importlib.util
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

import algorithms
from experiments.checking import check_experiment, check_names
from experiments.disk_faults import disk_fault
from experiments.dry_run import dry_run
from experiments.errors import RequestError
from experiments.experiment import Experiment
from experiments.fitting import fitted
from experiments.interruption import Interruption
from experiments.manifest import (
    build_manifest,
    finish_manifest,
    manifest_resumed,
    write_manifest,
)
from experiments.options import LaunchOptions
from experiments.ownership import mark_as_own, require_trusted_start
from experiments.preflight import (
    DiskNeed,
    check_disk,
    check_environments,
    disk_need,
)
from experiments.progress import TrialProgress, close_displays
from experiments.ranking import ranking
from experiments.ray_start import available, check_cluster, check_options, is_cluster, running_ray
from experiments.requests import option_notes
from experiments.result_files import ProgressFile, ResultFile
from experiments.resuming import ANEW, TUNER, begun_before, folder_of
from experiments.scheduling import make_scheduler, with_mutations
from experiments.search_space import tune_space
from experiments.searching import (
    make_search,
    number_of_samples,
    number_of_trials,
    repeats_seeds,
)
from experiments.stopping import FirstReached
from experiments.summary import print_summary, resume_command, trial_rows
from experiments.time_budget import TimeBudget
from experiments.whole_files import whole_files

DONE = 0
EXIT_CODES = {"done": DONE, "failed": 1, "interrupted": 130}


@dataclass(frozen=True)
class Job:
    """A checked experiment, ready to run.

    Attributes:
        experiment: the request.
        resolved: its configuration after defaults.
        folder: where its results go.
        restore_from: the checkpoint training starts from, or None.
        search: Tune's search algorithm.
        scheduler: which trials end early.
        trials: how many there will be.
        disk: what they will write.
        resume: whether it goes on; with ``--resume`` what was not begun starts.
    """

    experiment: Experiment
    resolved: Any
    folder: Path
    restore_from: Path | None
    search: Any
    scheduler: Any
    trials: int
    disk: DiskNeed
    resume: bool = False


def launch(experiments: list[Experiment], options: LaunchOptions, notes: Console) -> int:
    """Check all experiments, then run them one after another.

    Returns:
        The exit code.

    Raises:
        RequestError: before Ray starts, when anything in the request is wrong.
    """
    callbacks = _tracking_callbacks(options)
    check_options(options)
    begun = begun_before(experiments, options)
    jobs = [_checked(e, options, resume) for e, resume in zip(experiments, begun, strict=True)]
    translated = [note for job in jobs for note in job.experiment.all_notes]
    for note in dict.fromkeys([*option_notes(options), *translated]):
        notes.print(f"note: {note}", markup=False)
    for job in jobs:
        if options.resume and not job.resume:
            line = f"note: nothing was begun in {job.folder}: it starts from the beginning"
            notes.print(line, markup=False)
    if options.dry_run:
        dry_run([(job, _param_space(job, options)) for job in jobs], options, notes)
        return DONE
    with running_ray(options):
        if is_cluster(options):
            for job in jobs:
                check_cluster(job.experiment, job.resolved)
        return _run_all(jobs, options, callbacks, notes)


def _run_all(jobs: list[Job], options: LaunchOptions, callbacks: list[Any], notes: Console) -> int:
    """Run one after another, up to an interruption; the exit code."""
    codes = []
    for number, job in enumerate(jobs, 1):
        codes.append(_run(job, options, callbacks))
        if codes[-1] == EXIT_CODES["interrupted"]:
            if left := [other.experiment.name for other in jobs[number:]]:
                notes.print(f"not started: {', '.join(left)}; --resume starts them", markup=False)
            break
    return max(codes)


def _checked(experiment: Experiment, options: LaunchOptions, resume: bool = False) -> Job:
    """Check one experiment and find its folder.

    Args:
        experiment: the request.
        options: of the command.
        resume: whether it is to go on where it was.

    Raises:
        RequestError: as :func:`launch`.
    """
    cpus, gpus = available(options)
    check_names(experiment)
    defaults = algorithms.config_class(experiment.algorithm)()
    experiment = fitted(experiment, defaults, cpus, gpus)
    search, scheduler, resolved = _sweep(experiment, cpus, gpus)
    folder = folder_of(experiment)
    restore_from = None
    if options.restore is not None:
        from experiments.checkpoints import require_checkpoint_of

        restore_from = require_checkpoint_of(
            Path(options.restore), experiment.algorithm, trusted=options.trust_checkpoint
        )
    started_from = with_mutations(experiment).get("restore_from")
    require_trusted_start(started_from, options.trust_checkpoint, file=experiment.source)
    # A link that leads nowhere is there, too.
    if os.path.lexists(folder) and not (options.resume or options.force):
        raise RequestError(
            problem=f"{folder} exists; use --resume to continue it, --force to move it aside, "
            "or --experiment-name for another name"
        )
    trials = number_of_trials(experiment)
    check_environments(experiment, resolved)
    disk = disk_need(experiment, resolved, trials)
    # How much of it is left to write nobody knows after an interruption.
    check_disk(experiment, folder, replace(disk, trials=0) if resume else disk)
    return Job(experiment, resolved, folder, restore_from, search, scheduler, trials, disk, resume)


def _sweep(experiment: Experiment, cpus: float | None, gpus: float | None) -> tuple[Any, Any, Any]:
    """Search, scheduler and the configuration after defaults, everything a sweep may run checked.

    Raises:
        RequestError: as :func:`launch`.
    """
    try:
        searched = replace(experiment, config=with_mutations(experiment))
        check_names(searched)
        search, scheduler = make_search(experiment), make_scheduler(experiment)
    except RequestError as error:
        raise error.located(experiment.source) from None
    resolved = check_experiment(searched, available_cpus=cpus, available_gpus=gpus)
    return search, scheduler, resolved


def _run(job: Job, options: LaunchOptions, callbacks: list[Any]) -> int:
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
            return (_restored(job) if job.resume else _new(job, options, callbacks)).fit()
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
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False)
    return EXIT_CODES["failed"]


def _new(job: Job, options: LaunchOptions, callbacks: list[Any]) -> Any:
    """A Tuner for a fresh experiment; its manifest is on disk before the first trial."""
    from ray import tune
    from ray.tune.stopper import CombinedStopper

    experiment = job.experiment
    # Before anything is written: Tune refuses some values itself.
    space, clock = _param_space(job, options), _time_budget(job)
    clocks = [] if clock is None else [clock]
    if os.path.lexists(job.folder):
        aside = job.folder.with_name(f"{job.folder.name}.{time.strftime('%Y%m%d-%H%M%S')}")
        job.folder.rename(aside)
    write_manifest(
        job.folder,
        build_manifest(
            experiment=experiment,
            resolved=job.resolved,
            notes=[*option_notes(options), *experiment.all_notes],
            restore_from=job.restore_from,
        ),
    )
    mark_as_own(job.folder)
    return tune.Tuner(
        experiment.algorithm,
        param_space=space,
        tune_config=tune.TuneConfig(
            num_samples=number_of_samples(experiment, job.search),
            search_alg=job.search,
            scheduler=job.scheduler,
            # Tune copies the trainable's name and a random id into folder names; ours tell seeds.
            trial_dirname_creator=trial_folder_name,
        ),
        run_config=tune.RunConfig(
            name=experiment.name,
            storage_path=str(job.folder.parent),
            storage_filesystem=whole_files(),
            stop=CombinedStopper(FirstReached(experiment.stop), *clocks),
            checkpoint_config=checkpoint_config(experiment),
            failure_config=tune.FailureConfig(max_failures=experiment.max_failures or 0),
            callbacks=[
                TrialProgress(FirstReached(experiment.stop), clock),
                *clocks,
                *callbacks,
                ResultFile(),
                ProgressFile(),
            ],
            verbose=2 if options.log_info or options.log_debug else 0,
        ),
    )


def _time_budget(job: Job) -> TimeBudget | None:
    """The clock that ends the experiment; where nothing else ends its trials, they are done then."""
    if job.experiment.time_budget_s is None:
        return None
    return TimeBudget(job.experiment.time_budget_s, job.folder if job.experiment.stop else None)


def _restored(job: Job) -> Any:
    """The Tuner of an interrupted experiment; failed trials go on from their last checkpoint.

    Raises:
        RequestError: Tune's description of the experiment is damaged.
    """
    from ray import tune

    try:
        tuner = tune.Tuner.restore(
            str(job.folder),
            job.experiment.algorithm,
            storage_filesystem=whole_files(),
            resume_unfinished=True,
            resume_errored=True,
        )
    except Exception as error:  # unpickling a damaged file can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(
            f"cannot be read: {reason}", file=job.folder / TUNER, hint=ANEW
        ) from None
    manifest_resumed(job.folder)
    return tuner


def _param_space(job: Job, options: LaunchOptions) -> dict[str, Any]:
    """The configuration as Tune wants it: plain data, one value or a grid per key."""
    from ray import tune

    space = {"env": job.experiment.env, **tune_space(job.experiment.config)}
    if job.experiment.seeds is not None and not repeats_seeds(job.search):
        space["seed"] = tune.grid_search(list(job.experiment.seeds))
    if job.restore_from is not None:
        space["restore_from"] = str(job.restore_from.absolute())
    if options.log_info or options.log_debug:
        space["log_level"] = "DEBUG" if options.log_debug else "INFO"
    return space


def checkpoint_config(experiment: Experiment) -> Any:
    """The experiment's checkpoint settings in Tune's class."""
    from ray import tune

    ranked = experiment.num_to_keep is not None
    return tune.CheckpointConfig(
        checkpoint_frequency=experiment.checkpoint_frequency or 0,
        checkpoint_at_end=experiment.checkpoint_at_end is not False,
        num_to_keep=experiment.num_to_keep,
        checkpoint_score_attribute=experiment.score_attribute if ranked else None,
        checkpoint_score_order=experiment.score_order or "max",
    )


def trial_folder_name(trial: Any) -> str:
    """`PPO_CartPole-v1_seed0_1a2b3_00000`: what a person looks for, then Tune's id."""
    env = str(trial.config.get("env")).rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    seed = trial.config.get("seed")
    parts = [trial.trainable_name, env, f"seed{seed}" if seed is not None else "", trial.trial_id]
    return "_".join(part for part in parts if part)


def _tracking_callbacks(options: LaunchOptions) -> list[Any]:
    """Weights & Biases, when asked for.

    Raises:
        RequestError: it is asked for but not installed.
    """
    if options.wandb_key is None and options.wandb_project is None:
        return []
    if importlib.util.find_spec("wandb") is None:
        option = "--wandb-key" if options.wandb_key is not None else "--wandb-project"
        raise RequestError(key=option, problem="wandb is missing: pip install rllib-zoo[wandb]")
    from ray.air.integrations.wandb import WandbLoggerCallback

    name = {"name": options.wandb_run_name} if options.wandb_run_name else {}
    return [
        WandbLoggerCallback(
            api_key=options.wandb_key, project=options.wandb_project or "rllib-zoo", **name
        )
    ]
