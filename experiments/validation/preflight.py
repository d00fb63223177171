"""Disk space: how much an experiment will write, and whether its folder has room."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.config import OPTIMIZERS
from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment

# Measured on Ray 2.60: a row is a line of result.json (13.7 kB, with the whole configuration), of
# progress.csv (0.5 kB) and of TensorBoard's file (3.6 kB).
ROW_BYTES = 18_000
# What a checkpoint holds beside weights and optimizer: pickled configuration, counters, window.
CHECKPOINT_BYTES = 200_000
# Optimizer type → arrays of the weights' size it keeps.
_MOMENTS = {"adam": 2, "rmsprop": 1}
_STEPS = (
    "timesteps_total",
    "num_env_steps_sampled_lifetime",
    "env_runners/num_env_steps_sampled_lifetime",
)
_FRAMES = ("num_frames_sampled_lifetime", "env_runners/num_frames_sampled_lifetime")


def iterations_bound(experiment: Experiment, resolved: Any) -> int | None:
    """Iterations of one trial at most; None where only time or a score ends it."""
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
    """What an experiment will write.

    Attributes:
        trials: how many; the rest is of one of them.
        checkpoints: kept at the same time at most, one more while the last is written.
        checkpoint_bytes: of one.
        rows: iterations, each a row of results; None where nothing bounds them.
    """

    trials: int
    checkpoints: int
    checkpoint_bytes: int
    rows: int | None

    @property
    def bytes(self) -> int:
        """In all; unbounded rows are not counted."""
        each = self.checkpoints * self.checkpoint_bytes + (self.rows or 0) * ROW_BYTES
        return self.trials * each

    def __str__(self) -> str:
        rows = f"{self.rows:,} rows" if self.rows is not None else "rows that nothing bounds"
        size = self.checkpoint_bytes / 2**20
        return f"{self.trials} trial(s) of {self.checkpoints} checkpoint(s) at {size:.1f} MiB and {rows}"


def disk_need(experiment: Experiment, resolved: Any, module: Any, trials: int) -> DiskNeed:
    """Estimate what an experiment will write; of grids, from their first combination.

    Args:
        experiment: the request.
        resolved: its configuration after defaults.
        module: its network.
        trials: how many there will be.
    """
    rows = iterations_bound(experiment, resolved)
    frequency = experiment.checkpoint_frequency or 0
    checkpoints = int(experiment.checkpoint_at_end is not False)
    if frequency:
        checkpoints += (rows or frequency) // frequency
    if experiment.num_to_keep is not None:
        checkpoints = min(checkpoints, experiment.num_to_keep + 1)
    return DiskNeed(trials, checkpoints, checkpoint_bytes(resolved, module), rows)


def checkpoint_bytes(resolved: Any, module: Any) -> int:
    """About how large one checkpoint will be: weights and the optimizer's averages in float32."""
    weights = sum(parameter.numel() for parameter in module.parameters())
    optimizer = getattr(resolved, "optimizer", {})
    kind = optimizer.get("type", "adam")
    moments = _MOMENTS[kind]
    if kind == "rmsprop" and optimizer.get("momentum", OPTIMIZERS[kind]["momentum"]):
        moments += 1
    return 4 * weights * (1 + moments) + CHECKPOINT_BYTES


def check_disk(experiment: Experiment, folder: Path, need: DiskNeed) -> None:
    """Refuse a folder that cannot be written to, or has too little room.

    Raises:
        RequestError: with what is needed and what is free.
    """
    there = next(parent for parent in folder.parents if parent.exists())
    problem = _write_problem(there)
    if problem is not None:
        raise RequestError(
            f"{folder} cannot be written: {problem}", key="storage_path", file=experiment.source
        )
    free = shutil.disk_usage(there).free
    if need.bytes > free:
        raise RequestError(
            f"{folder} needs about {_size(need.bytes)} ({need}), {_size(free)} are free",
            key="storage_path",
            file=experiment.source,
            hint="another --storage-path, a smaller num_to_keep or a larger checkpoint_frequency",
        )


def _write_problem(folder: Path) -> str | None:
    """Why nothing can be made in an existing folder; None where it can."""
    if not folder.is_dir():
        return f"{folder} is not a folder"
    try:
        # On Linux it never has a name, so that not even an interruption leaves it behind.
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
