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
# Ray 1 and 2 up to 2.23.
_OLD_LEARNER = "info/learner/default_policy/learner_stats"

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
    "window": (f"{_RUNNERS}/episode_window_size",),
    "length_mean": (f"{_RUNNERS}/episode_len_mean", "episode_len_mean"),
    "total_loss": (f"{_LEARNER}/total_loss", f"{_OLD_LEARNER}/total_loss"),
    "policy_loss": (f"{_LEARNER}/policy_loss", f"{_OLD_LEARNER}/policy_loss"),
    "vf_loss": (f"{_LEARNER}/vf_loss", f"{_OLD_LEARNER}/vf_loss"),
    "entropy": (f"{_LEARNER}/entropy", f"{_OLD_LEARNER}/entropy"),
    "kl": (f"{_LEARNER}/mean_kl_loss", f"{_OLD_LEARNER}/kl"),
    "explained_variance": (f"{_LEARNER}/vf_explained_var", f"{_OLD_LEARNER}/vf_explained_var"),
    "clip_fraction": (f"{_LEARNER}/clip_fraction",),
    "gradient_norm": (
        f"{_LEARNER}/gradients_default_optimizer_global_norm", f"{_OLD_LEARNER}/grad_gnorm",
    ),
    "gradient_variance": (f"{_LEARNER}/gradient_variance",),
    "gradient_squared_norm": (f"{_LEARNER}/gradient_squared_norm",),
    "learning_rate": (
        f"{_LEARNER}/curr_lr", f"{_LEARNER}/default_optimizer_learning_rate",
        f"{_OLD_LEARNER}/cur_lr",
    ),
    "staleness_mean": (f"{_LEARNER}/gradient_staleness_mean",),
    "staleness_max": (f"{_LEARNER}/gradient_staleness_max",),
}  # fmt: skip
COLUMNS = tuple(PATHS)
LARGEST = sys.float_info.max
# Columns for the x axis of a learning curve, with its label.
AXES = {
    "steps": "agent steps", "frames": "frames", "seconds": "training time (s)",
    "iterations": "iterations",
}  # fmt: skip
_SPLIT = {name: tuple(tuple(p.split("/")) for p in paths) for name, paths in PATHS.items()}


def number_of(result: Mapping[str, Any], column: str) -> float:
    """The number of a column in one result; NaN without one."""
    for path in _SPLIT[column]:
        node: Any = result
        for part in path:
            if not isinstance(node, Mapping) or part not in node:
                break
            node = node[part]
        else:
            if isinstance(node, int | float) and not isinstance(node, bool):
                # An integer in JSON may be larger than any float.
                return float(node) if abs(node) <= LARGEST else float("nan")
    return float("nan")
