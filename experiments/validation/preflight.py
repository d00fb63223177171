"""Disk space: how much an experiment will write, and whether enough is free."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.algorithms.base.schema import OPTIMIZERS
from rllib_zoo.analysis.files import object_storage
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment

# Measured on Ray 2.60: a row in result.json (13.7 kB, with the whole configuration), progress.csv
# (0.5 kB) and TensorBoard's file (3.6 kB).
ROW_BYTES = 18_000
# A checkpoint without weights and optimizer state: pickled configuration, counters, episode window.
CHECKPOINT_BYTES = 200_000
# Optimizer type → state arrays of the weights' size.
_MOMENTS = {"adam": 2, "rmsprop": 1}
_STEPS = (
    "timesteps_total", "num_env_steps_sampled_lifetime",
    "env_runners/num_env_steps_sampled_lifetime",
)  # fmt: skip
_FRAMES = ("num_frames_sampled_lifetime", "env_runners/num_frames_sampled_lifetime")


def iterations_bound(experiment: Experiment, resolved: Any) -> int | None:
    """Maximum iterations of one trial; None if only time or a score ends it."""
    update = algorithms.descriptor(experiment.algorithm).steps_per_update(resolved)
    least = max(resolved.min_sample_timesteps_per_iteration or 0, 1)
    per_iteration = math.ceil(least / update) * update
    frames = frames_per_step(resolved)
    bounds = []
    for key, bound in experiment.stop.items():
        if key == "training_iteration":
            bounds.append(bound)
        elif key in _STEPS or key in _FRAMES:
            steps = bound / (frames if key in _FRAMES else 1)
            bounds.append(math.ceil(steps / per_iteration))
    return int(min(bounds)) if bounds else None


@dataclass(frozen=True)
class DiskNeed:
    """The disk space that an experiment will need.

    Attributes:
        trials: number of trials; all other numbers are per trial.
        checkpoints: most that exist at the same time, including the one being written.
        checkpoint_bytes: size of one checkpoint.
        rows: iterations, each a row of results; None if unbounded.
    """

    trials: int
    checkpoints: int
    checkpoint_bytes: int
    rows: int | None

    @property
    def bytes(self) -> int:
        """Total; unbounded rows are not counted."""
        each = self.checkpoints * self.checkpoint_bytes + (self.rows or 0) * ROW_BYTES
        return self.trials * each

    def __str__(self) -> str:
        rows = f"{self.rows:,} rows" if self.rows is not None else "an unbounded number of rows"
        size = self.checkpoint_bytes / 2**20
        return f"{self.trials} trial(s) of {self.checkpoints} checkpoint(s) at {size:.1f} MiB and {rows}"


def disk_need(experiment: Experiment, resolved: Any, module: Any, trials: int) -> DiskNeed:
    """Estimate the disk space of an experiment; of grids, from their first combination."""
    rows = iterations_bound(experiment, resolved)
    frequency = experiment.checkpoint_frequency or 0
    checkpoints = int(experiment.checkpoint_at_end is not False)
    checkpoints += (rows or frequency) // frequency if frequency else 0
    if experiment.num_to_keep is not None:
        checkpoints = min(checkpoints, experiment.num_to_keep + 1)
    return DiskNeed(trials, checkpoints, checkpoint_bytes(resolved, module), rows)


def checkpoint_bytes(resolved: Any, module: Any) -> int:
    """Approximate size of one checkpoint: weights and the optimizer's moments in float32."""
    weights = sum(parameter.numel() for parameter in module.parameters())
    optimizer = getattr(resolved, "optimizer", {})
    kind = optimizer.get("type", "adam")
    moments = _MOMENTS[kind]
    if kind == "rmsprop" and optimizer.get("momentum", OPTIMIZERS[kind]["momentum"]):
        moments += 1
    return 4 * weights * (1 + moments) + CHECKPOINT_BYTES


def check_disk(experiment: Experiment, folder: Path, need: DiskNeed) -> None:
    """Refuse a folder that is not writable, or has too little free space, which object storage always has.

    Raises:
        RequestError: with the needed and the free space.
    """
    if object_storage.bucket_of(folder) is not None:
        return
    parent = next(parent for parent in folder.parents if parent.exists())
    if problem := _write_problem(parent):
        raise RequestError(
            f"{folder} cannot be written: {problem}", key="storage_path", file=experiment.source
        )
    free = shutil.disk_usage(parent).free
    if need.bytes > free:
        raise RequestError(
            f"{folder} needs about {_size(need.bytes)} ({need}), {_size(free)} are free",
            key="storage_path",
            file=experiment.source,
            hint="another --storage-path, a smaller num_to_keep or a larger checkpoint_frequency",
        )


def require_writable(file: Path, key: str) -> None:
    """Check that an option's file or folder can be written, before the work that it is for.

    Raises:
        RequestError: with the reason.
    """
    if object_storage.was_uri(file):
        raise RequestError(f"{file} is a URL; only experiments are written to one", key=key)
    parent = next(parent for parent in file.absolute().parents if parent.exists())
    problem = f"{file} is a folder" if file.is_dir() else _write_problem(parent)
    if problem:
        raise RequestError(f"{file} cannot be written: {problem}", key=key)


def _write_problem(folder: Path) -> str | None:
    """Why an existing folder is not writable; None if it is."""
    if not folder.is_dir():
        return f"{folder} is not a folder"
    try:
        # On Linux this file has no name, so that not even a kill leaves it behind.
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder}: {os.strerror(error.errno or 0)}"


def _size(number: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
