"""Jobs: validated experiments with folder, search and scheduler; nothing is written yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.object_storage import is_uri, require_reachable
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.ownership import require_available
from rllib_zoo.experiments.launch.resume import folder_of
from rllib_zoo.experiments.launch.validation import Validation, validation_of
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.trust import require_trusted_start
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import make_scheduler, with_mutations
from rllib_zoo.experiments.sweeps.search import make_search
from rllib_zoo.experiments.validation.preflight import check_disk


@dataclass(frozen=True)
class Job:
    """A validated experiment, ready to run.

    Attributes:
        validation: facts about the experiment.
        folder: of its results.
        restore_from: the checkpoint that training starts from, or None.
        search: Tune's search algorithm.
        scheduler: Tune's scheduler.
        resume: continue the trials of an earlier run.
    """

    validation: Validation
    folder: Path
    restore_from: Path | None
    search: Any
    scheduler: Any
    resume: bool = False

    @property
    def experiment(self) -> Experiment:
        """The request."""
        return self.validation.experiment

    @property
    def trials(self) -> int:
        """Number of trials."""
        return self.validation.disk.trials


def validate_job(experiment: Experiment, options: LaunchOptions, resume: bool = False) -> Job:
    """Validate one experiment in this process, see :func:`job_of`."""
    return job_of(validation_of(experiment, options), options, resume)


def job_of(validation: Validation, options: LaunchOptions, resume: bool) -> Job:
    """Choose the folder of a valid experiment, and check it; ``resume``: continue an interrupted one.

    Raises:
        RequestError: for an invalid request.
    """
    experiment = validation.experiment
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
    # After an interruption the space still needed is unknown.
    disk = validation.disk
    check_disk(experiment, folder, replace(disk, trials=0) if resume else disk)
    return Job(validation, folder, restore_from, search, scheduler, resume)
