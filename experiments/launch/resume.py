"""The folder of an experiment's results, and whether the experiment there can be resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.files.atomic import atomic_write, free_name
from rllib_zoo.analysis.files.experiment_state import newest_first
from rllib_zoo.analysis.files.object_storage import (
    ObjectStorageError,
    download,
    exists,
    is_uri,
    local_copy,
    rename,
    require_reachable,
    shown,
    upload,
)
from rllib_zoo.analysis.files.trials import ERROR, PARAMS, RESULT, read_object
from rllib_zoo.experiments.console import note
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.paths import DEFAULT_STORAGE
from rllib_zoo.experiments.provenance.manifest import MANIFEST_NAME, jsonable, read_manifest
from rllib_zoo.experiments.provenance.trust import require_trusted
from rllib_zoo.experiments.spec.experiment import Experiment, require_name

STATES = "experiment_state-*.json"  # files of Tune's state
UNSAVED = ".unsaved_"  # prefix of hidden trial folders
TUNER = "tuner.pkl"  # Tune writes it before the first trial
RESTART_HINT = "--force moves the folder aside and starts from the beginning"


def folder_of(experiment: Experiment) -> Path:
    """The folder of an experiment's results; in object storage, its local copy.

    Raises:
        RequestError: the storage path is a URI that is not supported, or unprintable, or the name is not
            that of a folder.
    """
    require_name(experiment.name, file=experiment.source, key="experiment name")
    storage = experiment.storage_path or DEFAULT_STORAGE
    if not storage.isprintable():
        problem = f"{storage!r} holds a character that cannot be printed"
        raise RequestError(problem, key="storage_path", file=experiment.source)
    if is_uri(storage):
        try:
            return local_copy(storage) / experiment.name
        except ObjectStorageError as error:
            raise RequestError(str(error), key="storage_path", file=experiment.source) from None
    return Path(os.path.expanduser(storage)).absolute() / experiment.name


def is_done(experiment: Experiment, options: LaunchOptions) -> bool:
    """Whether ``--resume`` has nothing to do, as the manifest says; prints it, and what is not applied."""
    folder = folder_of(experiment)
    if options.resume:
        require_reachable(folder)
        if exists(folder):
            download(folder)
    manifest = read_manifest(folder) if options.resume else {}
    if manifest.get("status") != "done":
        return False
    print(f"{shown(folder)} is done: nothing to resume")
    if experiment.stop and (stop := manifest.get("stop")) != jsonable(experiment.stop):
        change = f"{stop}, not {jsonable(experiment.stop)}"
        hint = "to train on: --restore CHECKPOINT --experiment-name NAME"
        note(f"it was trained until {change}, and --resume changes no stop rule; {hint}")
    return True


def can_resume(experiment: Experiment, options: LaunchOptions) -> bool:
    """Whether to resume an experiment; False without ``--resume``, and where no state was saved.

    Raises:
        RequestError: the folder's content cannot be resumed, or is not the user's own.
    """
    if not options.resume:
        return False
    folder = folder_of(experiment)
    states = tune_states(folder)
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


def hide_unsaved_trials(folder: Path) -> None:
    """Hide what a run left that was killed before Tune saved its trials: no trial is counted twice."""
    files = (file for name in (RESULT, PARAMS, ERROR) for file in folder.glob(f"*/{name}"))
    for trial in {file.parent for file in files if file.parent.name[0] != "."}:
        hidden = free_name(trial.with_name(f"{UNSAVED}{trial.name}"))
        rename(trial, hidden)
        note(f"{trial} was never saved in Tune's state: renamed to {hidden.name}")


def _number_of_trials(states: Sequence[Path]) -> int:
    """Number of trials in Tune's newest state.

    Raises:
        RequestError: one is damaged, which may be the newest; with the file's name, and the remedy.
    """
    damaged = [state for state in states if read_object(state).get("trial_data") is None]
    if damaged:
        older = len(states) > len(damaged)
        raise RequestError(
            "is cut off or damaged",
            file=damaged[0],
            key="--resume",
            hint="delete it to resume from the previous state" if older else RESTART_HINT,
        )
    return len(read_object(states[0])["trial_data"])


def tune_states(folder: Path) -> list[Path]:
    """Tune's states of an experiment, the newest first."""
    return [state for state in newest_first(folder) if state.match(STATES)]


def let_tune_read(state: Path) -> None:
    """Copy a state, with its search and callbacks, to names that sort last: Tune reads those.

    Nothing happens where its name is the last already.
    """
    last = max(file.name for file in state.parent.glob(STATES))
    if state.name == last:
        return
    old, new = (
        name.removeprefix("experiment_state-").removesuffix(".json") for name in (state.name, last)
    )
    files = [file for file in state.parent.glob(f"*-{old}.*") if file != state]
    for file in (
        *files,
        state,
    ):  # the state itself last: after a kill in between, all is done again
        renamed = file.with_name(file.name.replace(old, f"{new}_"))
        with atomic_write(renamed) as draft:
            shutil.copyfile(file, draft)
        upload(renamed)
