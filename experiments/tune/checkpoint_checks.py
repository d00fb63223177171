"""Refusing checkpoints that are not whole, before anything in them is read."""

from __future__ import annotations

import shutil
from pathlib import Path

from rllib_zoo.algorithms.base.checkpoints import defect
from rllib_zoo.experiments.errors import RequestError

# Begins the name of a checkpoint folder that was put aside.
UNUSED = "unused_"


def require_whole(folder: Path) -> None:
    """Refuse a checkpoint of which a part is missing, cut off or changed.

    Raises:
        RequestError: with the file, and the newest older checkpoint of the trial that is whole.
    """
    found = defect(folder)
    if found is None:
        return
    name, problem = found
    older = older_whole(folder)
    raise RequestError(
        f"{problem}: the checkpoint is not whole",
        file=folder / name,
        hint=f"the one before is: {older}" if older else None,
    )


def older_whole(folder: Path) -> Path | None:
    """The newest whole checkpoint of the same trial that is older; None without one."""
    siblings = sorted(folder.absolute().parent.glob("checkpoint_*"), reverse=True)
    older = (path for path in siblings if path.name < folder.name)
    return next((path for path in older if path.is_dir() and defect(path) is None), None)


def put_aside(folder: Path) -> Path:
    """Give a checkpoint a name under which nothing goes on from it; an earlier one of that name goes."""
    aside = folder.with_name(UNUSED + folder.name)
    shutil.rmtree(aside, ignore_errors=True)
    return folder.rename(aside)
