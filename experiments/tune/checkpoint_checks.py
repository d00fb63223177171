"""Detecting incomplete checkpoints before anything in them is read."""

from __future__ import annotations

from pathlib import Path

from rllib_zoo.algorithms.base.checkpoints import defect
from rllib_zoo.analysis.files import object_storage
from rllib_zoo.experiments.errors import RequestError

# Prefix of the name of a checkpoint folder that is no longer in use.
UNUSED = "unused_"


def require_complete(folder: Path) -> None:
    """Check that no part of a checkpoint is missing, truncated or changed.

    Raises:
        RequestError: names the file and the trial's newest older checkpoint that is complete.
    """
    damage = damage_of(folder)
    if damage is None:
        return
    name, problem = damage
    older = older_complete(folder)
    raise RequestError(
        f"{problem}: the checkpoint is incomplete",
        file=folder / name,
        hint=f"the newest complete one before it: {older}" if older else None,
    )


def damage_of(folder: Path) -> tuple[str, str] | None:
    """A checkpoint's :func:`rllib_zoo.algorithms.base.checkpoints.defect`; one in object storage is read."""
    object_storage.complete(folder)
    return defect(folder)


def older_complete(folder: Path) -> Path | None:
    """The newest complete checkpoint of the same trial that is older; None if there is no such one."""
    siblings = sorted(folder.absolute().parent.glob("checkpoint_*"), reverse=True)
    older = (path for path in siblings if path.name < folder.name)
    return next((path for path in older if path.is_dir() and damage_of(path) is None), None)


def set_aside(folder: Path) -> Path:
    """Rename a checkpoint so that nothing resumes from it; replaces an earlier one of that name."""
    renamed = folder.with_name(UNUSED + folder.name)
    object_storage.remove(renamed)
    object_storage.rename(folder, renamed)
    return renamed
