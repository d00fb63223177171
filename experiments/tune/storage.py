"""Where Tune keeps an experiment: a folder, or object storage; and where this command finds its files.

Into object storage Tune writes checkpoints and its state directly, and copies the folder in which callbacks
write (results, marks) every ten seconds or more, as well as at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files import object_storage
from rllib_zoo.analysis.files.trials import PROGRESS, RESULT
from rllib_zoo.experiments.console import note
from rllib_zoo.experiments.tune.atomic_filesystem import atomic_filesystem
from rllib_zoo.experiments.tune.ray_internals import staging_folder


def filesystem_for_tune(folder: Path) -> Any:
    """Tune's ``storage_filesystem`` for an experiment's folder or local copy."""
    bucket = object_storage.bucket_of(folder)
    return atomic_filesystem() if bucket is None else bucket.filesystem()


def path_for_tune(folder: Path) -> str:
    """A folder as a path in that file system."""
    is_local = object_storage.bucket_of(folder) is None
    return str(folder) if is_local else object_storage.key_of(folder)


def is_remote(trial: Any) -> bool:
    """Whether a trial's results go to object storage: there Tune's paths begin with the bucket's name."""
    return not Path(trial.path).is_absolute()


def copy_of(trial: Any, path: str | None = None) -> Path:
    """A trial's folder, or a path that Tune has for something in it; in object storage, the local copy."""
    path = trial.path if path is None else path
    return object_storage.copy_of_key(path) if is_remote(trial) else Path(path)


def results_folder(trial: Any) -> Path:
    """The folder on this machine in which callbacks write the trial's results."""
    return Path(trial.local_path if is_remote(trial) else trial.path)


def restore_results(trial: Any) -> None:
    """Give a trial of a resumed experiment its results of before, which came with the local copy."""
    copy = copy_of(trial)
    if is_remote(trial) and copy.exists():
        ignore = shutil.ignore_patterns("*checkpoint_*")
        shutil.copytree(copy, results_folder(trial), dirs_exist_ok=True, ignore=ignore)


def upload_staged(trials: Sequence[Any]) -> None:
    """Take everything that Tune copies at the end to object storage again: it notices no failure of its own.

    Raises:
        OSError: the server cannot be reached.
    """
    if trials and is_remote(trials[0]):
        object_storage.upload(staging_folder(trials[0]), copy_of(trials[0]).parent)


def upload_results(trial: Any, result: Mapping[str, Any], *, saved: bool = False) -> None:
    """Take a trial's results to object storage with each checkpoint; where possible, before it.

    Args:
        trial: Tune's.
        result: its last one.
        saved: whether a checkpoint was made, which may be another one than is planned after some iterations.
    """
    if not is_remote(trial):
        return
    every = trial.checkpoint_freq
    planned = bool(every) and result.get("training_iteration", 0) % every == 0
    if planned == saved:
        return
    try:
        for name in (RESULT, PROGRESS):
            if (results_folder(trial) / name).exists():
                object_storage.upload(results_folder(trial) / name, copy_of(trial) / name)
    except OSError as error:  # Tune tries again
        note(f"{copy_of(trial)}: {object_storage.reason(error)}")
