"""Result names: RLlib's current ones, and those of older releases for older tools and stop rules."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from rllib_zoo import algorithms

# Name in older RLlib releases → current name.
LEGACY_NAMES = {
    "episode_reward_mean": "env_runners/episode_return_mean",
    "episode_reward_min": "env_runners/episode_return_min",
    "episode_reward_max": "env_runners/episode_return_max",
    "episode_len_mean": "env_runners/episode_len_mean",
    "episodes_this_iter": "env_runners/num_episodes",
    "episodes_total": "env_runners/num_episodes_lifetime",
    "timesteps_total": "env_runners/num_env_steps_sampled_lifetime",
    "num_env_steps_sampled_lifetime": "env_runners/num_env_steps_sampled_lifetime",
    "num_frames_sampled_lifetime": "env_runners/num_frames_sampled_lifetime",
}

EPISODE_RESULTS = (
    "episode_return_mean", "episode_return_min", "episode_return_max",
    "episode_len_mean", "episode_len_min", "episode_len_max", "episode_window_size",
)  # fmt: skip
# Episodes of an evaluation that did not end in time; they are in no mean.
NUM_EPISODES_CUT = "num_episodes_cut"
RUNNER_RESULTS = (
    *EPISODE_RESULTS, "num_episodes", "num_episodes_lifetime", "num_env_steps_sampled",
    "num_env_steps_sampled_lifetime", "num_frames_sampled_lifetime",
    "num_env_steps_sampled_per_second", "num_env_restarts", "num_env_restarts_lifetime",
)  # fmt: skip
COUNTS = tuple(n for n in RUNNER_RESULTS if n.startswith("num_") and not n.endswith("per_second"))
# Added by Tune for every trainable.
TUNE_RESULTS = (
    "training_iteration", "time_total_s", "time_this_iter_s", "iterations_since_restore",
)  # fmt: skip


def result_names(algorithm: str) -> tuple[str, ...]:
    """Every key that stop rules and checkpoint scores support, nested ones joined by '/'."""
    descriptor = algorithms.descriptor(algorithm)
    missing = descriptor.missing_runner_results
    return (
        *TUNE_RESULTS,
        *LEGACY_NAMES,
        *(f"env_runners/{name}" for name in RUNNER_RESULTS if name not in missing),
        *(f"learners/default_policy/{name}" for name in descriptor.learner_results),
        *(f"evaluation/env_runners/{name}" for name in EPISODE_RESULTS if name not in missing),
        f"evaluation/env_runners/{NUM_EPISODES_CUT}",
    )


def with_legacy_names(result: dict[str, Any]) -> dict[str, Any]:
    """Add the names of older RLlib releases to a result, except those without a value.

    RLlib's logger turns counts into floats; they are converted back to int.
    """
    runners = result.get("env_runners", {})
    for name in COUNTS:
        if name in runners:
            runners[name] = int(runners[name])
    for legacy, path in LEGACY_NAMES.items():
        value = lookup(result, path)
        if value is not None:
            result[legacy] = value
    return result


def lookup(result: Mapping[str, Any], path: str) -> Any:
    """The value at ``a/b/c`` in a nested result, or under that flat name; None where it is missing."""
    if path in result:
        return result[path]
    node: Any = result
    for part in path.split("/"):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def valid_number(value: Any) -> float | None:
    """The value if it is a number other than NaN, else None."""
    is_number = isinstance(value, Real) and not isinstance(value, bool) and value == value
    return value if is_number else None
