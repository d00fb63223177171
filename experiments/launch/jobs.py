"""Requests made ready to run: everything checked, nothing written."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.ray_cluster import available
from rllib_zoo.experiments.launch.resume import folder_of
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.trust import require_trusted_start
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import make_scheduler, with_mutations
from rllib_zoo.experiments.sweeps.search import make_search, number_of_trials
from rllib_zoo.experiments.validation.check import check_experiment, check_names
from rllib_zoo.experiments.validation.fit_resources import fitted
from rllib_zoo.experiments.validation.preflight import (
    DiskNeed,
    check_disk,
    check_environments,
    disk_need,
)


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


def checked_job(experiment: Experiment, options: LaunchOptions, resume: bool = False) -> Job:
    """Check one experiment and find its folder.

    Args:
        experiment: the request.
        options: of the command.
        resume: whether it is to go on where it was.

    Raises:
        RequestError: anything in the request is wrong.
    """
    cpus, gpus = available(options)
    check_names(experiment)
    defaults = algorithms.config_class(experiment.algorithm)()
    experiment = fitted(experiment, defaults, cpus, gpus)
    search, scheduler, resolved = check_sweep(experiment, cpus, gpus)
    folder = folder_of(experiment)
    restore_from = None
    if options.restore is not None:
        from rllib_zoo.experiments.evaluation.checkpoints import require_checkpoint_of

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


def check_sweep(
    experiment: Experiment, cpus: float | None, gpus: float | None
) -> tuple[Any, Any, Any]:
    """Search, scheduler and the configuration after defaults, everything a sweep may run checked.

    Raises:
        RequestError: as :func:`checked_job`.
    """
    try:
        searched = replace(experiment, config=with_mutations(experiment))
        check_names(searched)
        search, scheduler = make_search(experiment), make_scheduler(experiment)
    except RequestError as error:
        raise error.located(experiment.source) from None
    resolved = check_experiment(searched, available_cpus=cpus, available_gpus=gpus)
    return search, scheduler, resolved
