"""A job as Ray Tune's Tuner: new, or restored from its saved state."""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.config.from_options import option_notes
from rllib_zoo.experiments.errors import RequestError, first_line
from rllib_zoo.experiments.launch.jobs import Job
from rllib_zoo.experiments.launch.ownership import move_aside
from rllib_zoo.experiments.launch.resume import (
    RESTART_HINT,
    TUNER,
    hide_unsaved_trials,
    let_tune_read,
    tune_states,
)
from rllib_zoo.experiments.launch.tracking import trackers
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.folder_lock import Lock
from rllib_zoo.experiments.provenance.manifest import begin_manifest, manifest_resumed
from rllib_zoo.experiments.provenance.trust import mark_as_own
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import tune_space
from rllib_zoo.experiments.sweeps.search import number_of_samples, number_of_trials, repeats_seeds
from rllib_zoo.experiments.sweeps.trial_names import TrialNames
from rllib_zoo.experiments.tune.loggers import EventFile, ProgressFile, ResultFile
from rllib_zoo.experiments.tune.progress import TrialProgress
from rllib_zoo.experiments.tune.stoppers import FirstReached, TimeBudget
from rllib_zoo.experiments.tune.storage import filesystem_for_tune, path_for_tune


def new_tuner(job: Job, options: LaunchOptions, lock: Lock) -> Any:
    """A Tuner for a new experiment in a folder with this lock; writes the manifest."""
    from ray import tune
    from ray.tune.stopper import CombinedStopper

    experiment = job.experiment
    # Before anything is written: Tune rejects some values itself.
    space, clock = param_space(job, options), _time_budget(job)
    clocks = [] if clock is None else [clock]
    if options.force:
        move_aside(lock)
    hide_unsaved_trials(job.folder)
    begin_manifest(
        job.folder,
        job.validation.manifest,
        notes=[*option_notes(options), *experiment.all_notes],
        restore_from=job.restore_from,
        scheduler=job.scheduler.settings,
    )
    mark_as_own(job.folder)
    names = TrialNames.of(experiment)
    return tune.Tuner(
        experiment.algorithm,
        param_space=space,
        tune_config=tune.TuneConfig(
            num_samples=number_of_samples(experiment, job.search),
            search_alg=job.search,
            scheduler=job.scheduler,
            trial_name_creator=names.name,
            trial_dirname_creator=names.folder,
            reuse_actors=job.validation.reuses_processes and job.restore_from is None,
        ),
        run_config=tune.RunConfig(
            name=experiment.name,
            storage_path=path_for_tune(job.folder.parent),
            storage_filesystem=filesystem_for_tune(job.folder),
            stop=CombinedStopper(FirstReached(experiment.stop), *clocks),
            checkpoint_config=checkpoint_config(experiment),
            failure_config=tune.FailureConfig(max_failures=experiment.max_failures or 0),
            callbacks=[
                TrialProgress(
                    FirstReached(experiment.stop),
                    clock,
                    number_of_trials(experiment),
                    experiment.metric,
                    experiment.mode,
                ),
                *clocks,
                *trackers(options, experiment.name),
                ResultFile(),
                ProgressFile(),
                EventFile(),
            ],
            verbose=2 if options.log_info or options.log_debug else 0,
        ),
    )


def _time_budget(job: Job) -> TimeBudget | None:
    """The stopper for the time budget; without a stop rule, trials that it ends count as done."""
    if job.experiment.time_budget_s is None:
        return None
    return TimeBudget(job.experiment.time_budget_s, marks=bool(job.experiment.stop))


def restored_tuner(job: Job) -> Any:
    """The Tuner of an interrupted experiment; failed trials continue from their last checkpoint.

    Raises:
        RequestError: Tune's file of the experiment is damaged.
    """
    from ray import tune

    let_tune_read(tune_states(job.folder)[0])
    try:
        tuner = tune.Tuner.restore(
            path_for_tune(job.folder),
            job.experiment.algorithm,
            storage_filesystem=filesystem_for_tune(job.folder),
            resume_unfinished=True,
            resume_errored=True,
        )
    except Exception as error:  # unpickling a damaged file can raise anything
        problem = f"cannot be read: {first_line(error)}"
        raise RequestError(problem, file=job.folder / TUNER, hint=RESTART_HINT) from None
    manifest_resumed(job.folder)
    return tuner


def param_space(job: Job, options: LaunchOptions) -> dict[str, Any]:
    """Tune's param_space: plain data, one value or a grid per key."""
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
    """A folder's name in an experiment whose saved state names this function: it can be resumed."""
    return TrialNames({}).folder(trial)
