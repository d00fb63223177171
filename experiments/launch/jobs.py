"""Jobs: validated experiments with folder, search and scheduler; nothing is written yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.object_storage import is_uri, require_reachable
from rllib_zoo.experiments.console import waiting_lines
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.ownership import require_available
from rllib_zoo.experiments.launch.ray_cluster import available
from rllib_zoo.experiments.launch.resume import folder_of
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.trust import require_trusted_start
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import make_scheduler, with_mutations
from rllib_zoo.experiments.sweeps.search import make_search, number_of_trials
from rllib_zoo.experiments.validation.check import Validated, validate
from rllib_zoo.experiments.validation.preflight import DiskNeed, check_disk, disk_need


@dataclass(frozen=True)
class Job:
    """A validated experiment, ready to run.

    Attributes:
        validated: the experiment, its configuration and network.
        folder: of its results.
        restore_from: the checkpoint that training starts from, or None.
        search: Tune's search algorithm.
        scheduler: Tune's scheduler.
        trials: number of trials.
        disk: the disk space that they need.
        resume: continue the trials of an earlier run.
    """

    validated: Validated
    folder: Path
    restore_from: Path | None
    search: Any
    scheduler: Any
    trials: int
    disk: DiskNeed
    resume: bool = False

    @property
    def experiment(self) -> Experiment:
        """The request."""
        return self.validated.experiment

    @property
    def resolved(self) -> Any:
        """Its configuration with defaults."""
        return self.validated.config


def validate_job(experiment: Experiment, options: LaunchOptions, resume: bool = False) -> Job:
    """Validate one experiment and choose its folder; ``resume``: continue an interrupted one.

    Raises:
        RequestError: for an invalid request.
    """
    cpus, gpus = available(options)
    with waiting_lines(f"checking {experiment.name}: trying environment {str(experiment.env)!r}"):
        validated = validate(experiment, cpus=cpus, gpus=gpus, fit=True)
    experiment = validated.experiment
    try:
        search, scheduler = make_search(experiment), make_scheduler(experiment)
    except RequestError as error:
        raise error.located(experiment.source) from None
    folder = folder_of(experiment)
    require_reachable(folder, write=True)
    restore_from = None
    if options.restore is not None:
        if is_uri(options.restore):
            problem = "is not on this machine's disk, where a trial of any machine must find it"
            raise RequestError(
                f"{options.restore} {problem}", key="--restore", hint="copy it first"
            )
        from rllib_zoo.experiments.evaluation.checkpoints import require_checkpoint_of

        restore_from = require_checkpoint_of(
            Path(options.restore), experiment.algorithm, trusted=options.trust_checkpoint
        )
    start = with_mutations(experiment).get("restore_from")
    require_trusted_start(start, options.trust_checkpoint, file=experiment.source)
    require_available(folder, options)
    trials = number_of_trials(experiment)
    disk = disk_need(experiment, validated.config, validated.module, trials)
    # After an interruption the space still needed is unknown.
    check_disk(experiment, folder, replace(disk, trials=0) if resume else disk)
    return Job(validated, folder, restore_from, search, scheduler, trials, disk, resume)
