"""The columns of curve tables, and their paths in a line of Tune's ``result.json``.

Units: ``steps`` are agent steps, ``frames`` emulator frames, ``seconds`` of training; returns are raw
and of whole episodes, averaged over the last 100 (``docs/metrics.md``).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

_RUNNERS = "env_runners"
_LEARNER = "learners/default_policy"
# Ray 1.3 to 2.23; 0.6 to 1.2; 0.5 and 0.6.
_OLD_LEARNERS = (
    "info/learner/default_policy/learner_stats", "info/learner/default_policy",
    "info/learner/default", "info/default_policy", "info/default", "info/learner",
)  # fmt: skip
# All episodes of a mean, of the old API stack.
_EPISODES = "hist_stats/episode_reward"


def _learner(name: str, *old: str) -> tuple[str, ...]:
    """Paths of a learner's result: of this release, and its old names in older ones."""
    return (f"{_LEARNER}/{name}", *(f"{place}/{key}" for place in _OLD_LEARNERS for key in old))


# Column → paths; the first one that leads to a number counts.
PATHS: dict[str, tuple[str, ...]] = {
    "steps": (
        f"{_RUNNERS}/num_env_steps_sampled_lifetime", "num_env_steps_sampled_lifetime",
        "num_env_steps_sampled", "timesteps_total",
    ),
    "frames": (f"{_RUNNERS}/num_frames_sampled_lifetime",),
    "seconds": ("time_total_s",),
    "iterations": ("training_iteration",),
    "episodes": (f"{_RUNNERS}/num_episodes_lifetime", "episodes_total"),
    "return_mean": (
        f"{_RUNNERS}/episode_return_mean", f"{_RUNNERS}/episode_reward_mean",
        "episode_reward_mean", "sampler_results/episode_reward_mean",
    ),
    **{
        f"return_{end}": (
            f"{_RUNNERS}/episode_return_{end}", f"{_RUNNERS}/episode_reward_{end}",
            f"episode_reward_{end}",
        )
        for end in ("min", "max")
    },
    "window": (f"{_RUNNERS}/episode_window_size", _EPISODES, f"sampler_results/{_EPISODES}"),
    "length_mean": (f"{_RUNNERS}/episode_len_mean", "episode_len_mean"),
    "total_loss": _learner("total_loss", "total_loss"),
    "policy_loss": _learner("policy_loss", "policy_loss"),
    "vf_loss": _learner("vf_loss", "vf_loss"),
    "entropy": _learner("entropy", "entropy", "policy_entropy"),
    "kl": _learner("mean_kl_loss", "kl"),
    "explained_variance": _learner("vf_explained_var", "vf_explained_var"),
    "clip_fraction": (f"{_LEARNER}/clip_fraction",),
    "gradient_norm": _learner("gradients_default_optimizer_global_norm", "grad_gnorm"),
    "gradient_variance": (f"{_LEARNER}/gradient_variance",),
    "gradient_squared_norm": (f"{_LEARNER}/gradient_squared_norm",),
    "learning_rate": (
        f"{_LEARNER}/curr_lr", *_learner("default_optimizer_learning_rate", "cur_lr"),
    ),
    "staleness_mean": (f"{_LEARNER}/gradient_staleness_mean",),
    "staleness_max": (f"{_LEARNER}/gradient_staleness_max",),
}  # fmt: skip
COLUMNS = tuple(PATHS)
LARGEST = sys.float_info.max
NAN = float("nan")
# `float | int` would be made anew for each of millions of values.
_NUMBERS = (float, int)
# Columns for the x axis of a learning curve, with its label.
AXES = {
    "steps": "agent steps", "frames": "frames", "seconds": "training time (s)",
    "iterations": "iterations",
}  # fmt: skip
_SPLIT = {name: tuple(tuple(p.split("/")) for p in paths) for name, paths in PATHS.items()}
Leaf = tuple[str, int, int]


def _leaves_by_place() -> dict[tuple[str, ...], list[Leaf]]:
    """Place in a result → names there, each with the number of its column and of its path in ``PATHS``."""
    places: dict[tuple[str, ...], list[Leaf]] = {}
    for column, paths in enumerate(_SPLIT.values()):
        for rank, (*place, leaf) in enumerate(paths):
            places.setdefault(tuple(place), []).append((leaf, column, rank))
    return places


_LEAVES = _leaves_by_place()


def numbers_of(result: Mapping[str, Any]) -> list[float]:
    """:func:`number_of` of every column, [C]: each place in the result is visited once."""
    numbers, ranks = [NAN] * len(COLUMNS), [sys.maxsize] * len(COLUMNS)
    for place, leaves in _LEAVES.items():
        node: Any = result
        for part in place:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            continue
        for leaf, column, rank in leaves:
            if leaf in node and rank < ranks[column]:
                number = _number(node[leaf])
                if number is not None:
                    numbers[column], ranks[column] = number, rank
    return numbers


def _number(value: Any) -> float | None:
    """A number as float, NaN if too large for one; of a list with content its length; else None."""
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return float(value) if abs(value) <= LARGEST else NAN
    return float(len(value)) if isinstance(value, list) and value else None


def number_of(result: Mapping[str, Any], column: str) -> float:
    """The number of a column in one result, the length of a list; NaN without either."""
    for path in _SPLIT[column]:
        node: Any = result
        for part in path:
            # Of every result of every trial: `isinstance` with `Mapping` would take half of the reading.
            node = node.get(part) if isinstance(node, dict) else None
        if (number := _number(node)) is not None:
            return number
    return NAN


def flat_number_of(result: Mapping[str, str], column: str) -> float:
    """As :func:`number_of`, of a result with nested names joined by "/" and texts as values."""
    for path in PATHS[column]:
        try:
            number = float(result[path])
        except (KeyError, ValueError):
            continue
        return number if abs(number) <= LARGEST else NAN
    return NAN


def source_of_mean(result: Mapping[str, Any]) -> str:
    """The path of the mean return in a result, nested or flat; "" without one."""
    for path, parts in zip(PATHS["return_mean"], _SPLIT["return_mean"], strict=True):
        node: Any = result
        for part in parts:
            node = node.get(part) if isinstance(node, Mapping) else None
        if node is not None or result.get(path) not in (None, ""):
            return path
    return ""
