"""The folder of an experiment's results, and whether the experiment there can be resumed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.files.trials import read_object
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.manifest import MANIFEST_NAME, read_manifest
from rllib_zoo.experiments.provenance.trust import require_trusted
from rllib_zoo.experiments.spec.experiment import Experiment, require_name

DEFAULT_STORAGE = "~/ray_results"
TUNER = "tuner.pkl"  # Tune writes it before the first trial
RESTART_HINT = "--force moves the folder aside and starts from the beginning"


def folder_of(experiment: Experiment) -> Path:
    """The folder of an experiment's results.

    Raises:
        RequestError: the storage path is a URI or unprintable, or the name is not that of a folder.
    """
    require_name(experiment.name, file=experiment.source, key="experiment name")
    storage = experiment.storage_path or DEFAULT_STORAGE
    problem = None
    if "://" in storage:
        problem = "is a URI; results go to a folder"
    elif not storage.isprintable():
        problem = "holds a character that cannot be printed"
    if problem:
        raise RequestError(f"{storage!r} {problem}", key="storage_path", file=experiment.source)
    return Path(os.path.expanduser(storage)).absolute() / experiment.name


def can_resume(experiment: Experiment, options: LaunchOptions) -> bool:
    """Whether to resume an experiment; False without ``--resume``, and where no state was saved.

    Raises:
        RequestError: the folder's content cannot be resumed, or is not the user's own.
    """
    if not options.resume:
        return False
    folder = folder_of(experiment)
    states = sorted(folder.glob("experiment_state-*.json"), reverse=True)
    if (folder / TUNER).exists() and states:
        if not read_manifest(folder):
            raise RequestError(
                "is missing or damaged: the experiment to continue is unknown",
                file=folder / MANIFEST_NAME,
                key="--resume",
                hint=RESTART_HINT,
            )
        # Tune pickles its own state and that of the trials.
        require_trusted(folder, options.trust_checkpoint, option="--resume")
        return _number_of_trials(states) > 0
    if not read_manifest(folder) and any(not f.name.startswith(".") for f in folder.glob("*")):
        raise RequestError(f"--resume: no experiment to continue in {folder}", hint=RESTART_HINT)
    return False


def _number_of_trials(states: Sequence[Path]) -> int:
    """Number of trials in Tune's newest state.

    Raises:
        RequestError: it is damaged; with the file's name, and the remedy.
    """
    if (trials := read_object(states[0]).get("trial_data")) is not None:
        return len(trials)
    older = any(read_object(state).get("trial_data") is not None for state in states[1:])
    raise RequestError(
        "is cut off or damaged",
        file=states[0],
        key="--resume",
        hint="delete it to resume from the previous state" if older else RESTART_HINT,
    )
