"""Where an experiment's results go, and whether something there can go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.errors import RequestError
from experiments.experiment import Experiment
from experiments.manifest import MANIFEST_NAME, read_manifest
from experiments.names import require_name
from experiments.options import LaunchOptions
from experiments.ownership import require_trusted

DEFAULT_STORAGE = "~/ray_results"


def folder_of(experiment: Experiment) -> Path:
    """The folder of an experiment's results.

    Raises:
        RequestError: the storage path is a URI or unprintable, or the name is not that of a folder.
    """
    require_name(experiment.name, file=experiment.source, key="experiment name")
    storage = experiment.storage_path or DEFAULT_STORAGE
    if "://" in storage:
        raise RequestError(
            f"{storage!r} is a URI; results go to a folder",
            key="storage_path",
            file=experiment.source,
        )
    if not storage.isprintable():
        raise RequestError(
            f"{storage!r} holds a character that cannot be printed",
            key="storage_path",
            file=experiment.source,
        )
    return Path(os.path.expanduser(storage)).absolute() / experiment.name


def begun_before(experiments: Sequence[Experiment], options: LaunchOptions) -> list[bool]:
    """Of each experiment, whether it goes on; all False without ``--resume``.

    Of several experiments, one that has no folder was not begun before an interruption: it starts.

    Raises:
        RequestError: none of them was begun, or one that was cannot go on or is not the user's own.
    """
    if not options.resume:
        return [False] * len(experiments)
    folders = [folder_of(experiment) for experiment in experiments]
    begun = [folder.exists() for folder in folders]
    for folder, there in zip(folders, begun, strict=True):
        if (there or not any(begun)) and not (folder / "tuner.pkl").exists():
            hint = "--force moves it aside and starts anew" if there else None
            problem = f"--resume: there is no experiment to continue in {folder}"
            raise RequestError(problem, hint=hint)
        if there and not read_manifest(folder):
            raise RequestError(
                "is missing or damaged: nothing says what is to be continued",
                file=folder / MANIFEST_NAME,
                key="--resume",
                hint="--force moves the folder aside and starts anew",
            )
        if there:  # Tune keeps its own state and the trials' pickled
            require_trusted(folder, options.trust_checkpoint, option="--resume")
    return begun
