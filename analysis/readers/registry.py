"""The readers in the order in which they look at a folder, and the one door to the runs of all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rllib_zoo.analysis.files.record import EMPTY, UNREADABLE, Curve, Trial, UnreadableError
from rllib_zoo.analysis.readers.dopamine import find_dopamine, read_dopamine
from rllib_zoo.analysis.readers.folder import Folder
from rllib_zoo.analysis.readers.mlflow_runs import find_mlflow, read_mlflow
from rllib_zoo.analysis.readers.plain import find_tables, read_tables
from rllib_zoo.analysis.readers.sb3 import find_sb3, read_sb3
from rllib_zoo.analysis.readers.tensorboard import find_tensorboard, read_tensorboard
from rllib_zoo.analysis.readers.torchrl import find_torchrl, read_torchrl
from rllib_zoo.analysis.readers.tune import find_kept, find_tune, read_kept, read_tune
from rllib_zoo.analysis.readers.wandb_runs import find_wandb, read_wandb


class Reader(NamedTuple):
    """A format.

    Attributes:
        find: the runs of a folder whose files have the format; takes these files from the folder.
        read: the curve of such a run, of about so many rows at most. Raises :class:`UnreadableError`.
    """

    find: Callable[[Folder], Iterator[Trial]]
    read: Callable[[Trial, int | None], Curve]


# What ``--as`` takes → reader. The first one that finds its format in a file has it.
READERS = {
    "tune": Reader(find_tune, read_tune),
    "kept": Reader(find_kept, read_kept),
    "sb3": Reader(find_sb3, read_sb3),
    "torchrl": Reader(find_torchrl, read_torchrl),
    "tensorboard": Reader(find_tensorboard, read_tensorboard),
    "wandb": Reader(find_wandb, read_wandb),
    "mlflow": Reader(find_mlflow, read_mlflow),
    "dopamine": Reader(find_dopamine, read_dopamine),
    "table": Reader(find_tables, read_tables),
}
OWN = ("tune", "kept")
# A folder with both is a report.
REPORT = {"report.html", "command.txt"}


def find_runs(folders: Sequence[Path], formats: Sequence[str] = ()) -> Iterator[Trial]:
    """Every run in the folders and below, in the order of their names.

    Args:
        folders: or single files.
        formats: the readers to use, keys of ``READERS``; none: all.

    Raises:
        FileNotFoundError: a folder does not exist.
    """
    for start in folders:
        if not start.exists():
            raise FileNotFoundError(f"{start} does not exist")
        for folder in _below(start.resolve()):
            folder.forced = bool(formats)
            for name, reader in READERS.items():
                if not formats or name in formats:
                    for trial in reader.find(folder):
                        yield replace(trial, format=name)


def _below(start: Path) -> Iterator[Folder]:
    if start.is_file():
        yield Folder(start.parent, [start.name], [])
        return
    for root, folders, files in os.walk(start):
        # Sample Factory hides its events.
        folders[:] = sorted(
            name
            for name in folders
            if name == ".summary" or not name.startswith((".", "checkpoint_"))
        )
        if not set(files) >= REPORT:
            yield Folder(Path(root), sorted(files), folders)


def find_trials(folders: Sequence[Path]) -> Iterator[Trial]:
    """Every trial of Tune and every kept curve in the folders and below: see :func:`find_runs`."""
    return find_runs(folders, OWN)


def read_run(trial: Trial, max_rows: int | None = None) -> tuple[Trial, Curve]:
    """A run with what its results tell of it, and its curve; unreadable ones have a message.

    Args:
        trial: of :func:`find_runs`.
        max_rows: keep about so many rows at most, evenly spaced; None keeps all.
    """
    if trial.status == UNREADABLE:
        return _unreadable(trial, trial.message), EMPTY
    try:
        curve = READERS[trial.format].read(trial, max_rows)
    except UnreadableError as error:
        return _unreadable(trial, str(error)), EMPTY
    # Results repeat the configuration: used where a folder has lost its params.json, or that lacks them.
    known = {} if trial.manifest else {k: curve.config.get(k) for k in ("env", "seed")}
    told = {key: value for key, value in known.items() if value is not None}
    config = {**trial.config, **told} if trial.config else curve.config
    algorithm = curve.algorithm or trial.algorithm
    status = trial.status if trial.status != "unknown" else curve.status or "unknown"
    return replace(trial, config=config, algorithm=algorithm, status=status), curve


def _unreadable(trial: Trial, message: str) -> Trial:
    """A run of which only the place is known: in no group with others."""
    return replace(trial, status=UNREADABLE, message=message, algorithm=trial.path.name)
