"""Before anything starts: do the environments run, and is there room for the results?"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.config import OPTIMIZERS
from rllib_zoo.algorithms.base.env_options import environment_options, frames_per_step
from rllib_zoo.envs import environment_spaces, make_vector_env
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.dry_run import steps_per_update
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives
from rllib_zoo.experiments.validation.keys import expanded

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
# Copies that are tried: enough for a vector environment to be one.
_COPIES = 2


# --- environments ----------------------------------------------------------------------------


def check_environments(experiment: Experiment, resolved: Any) -> None:
    """Reset every environment asked for and take one random step, in the form training uses.

    Raises:
        RequestError: one fails, with the first line of its own error.
    """
    own = experiment.algorithm in algorithms.ON_POLICY
    for env in alternatives(experiment.env, "env"):
        for given in expanded(experiment.config.get("env_config") or {}, "env_config"):
            options = environment_options(env, given, resolved._model_config)
            # RLlib's own runner has its own way to step; the environment is the same.
            mode = resolved.gym_env_vectorize_mode if own else "vector_entry_point"
            copies = min(resolved.num_envs_per_env_runner, _COPIES)
            try:
                _one_step(env, options, mode, copies)
            except Exception as error:  # the environment's own code runs here
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                raise RequestError(
                    f"environment {env!r} fails when it is reset and stepped: {reason}",
                    key="env",
                    file=experiment.source,
                ) from None


def _one_step(env: Any, options: Mapping[str, Any], mode: str, copies: int) -> None:
    vector = make_vector_env(env, copies, options, mode)
    try:
        vector.reset(seed=0)
        vector.action_space.seed(0)
        obs, rewards, *_ = vector.step(vector.action_space.sample())
        if not np.isfinite(np.asarray(rewards, dtype=np.float64)).all():
            raise ValueError(f"the reward is {rewards[0]}")
        if np.shape(obs) != vector.observation_space.shape:
            raise ValueError(
                f"observations have shape {np.shape(obs)[1:]}, the space says "
                f"{vector.single_observation_space.shape}"
            )
    finally:
        with contextlib.suppress(Exception):  # what failed before says more
            vector.close()


# --- iterations ------------------------------------------------------------------------------


def iterations_bound(experiment: Experiment, resolved: Any) -> int | None:
    """Iterations of one trial at most; None where only time or a score ends it."""
    update = steps_per_update(experiment.algorithm, resolved)
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


# --- disk ------------------------------------------------------------------------------------


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


def disk_need(experiment: Experiment, resolved: Any, trials: int) -> DiskNeed:
    """Estimate what an experiment will write; of grids, from their first combination."""
    rows = iterations_bound(experiment, resolved)
    frequency = experiment.checkpoint_frequency or 0
    checkpoints = int(experiment.checkpoint_at_end is not False)
    if frequency:
        checkpoints += (rows or frequency) // frequency
    if experiment.num_to_keep is not None:
        checkpoints = min(checkpoints, experiment.num_to_keep + 1)
    return DiskNeed(trials, checkpoints, checkpoint_bytes(resolved), rows)


def checkpoint_bytes(resolved: Any) -> int:
    """About how large one checkpoint will be: weights and the optimizer's averages in float32."""
    from ray.rllib.core import DEFAULT_MODULE_ID

    spaces = environment_spaces(resolved.env, resolved.environment_options)
    module = resolved.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build()
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
        return f"{folder} is no folder"
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
