"""Detect the Ray release of a config file, and the defaults of each release."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rllib_zoo.algorithms.base.other_names import other_name_hint
from rllib_zoo.algorithms.base.schema import keys_of
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.renamed_keys import CURRENT_ONLY, RENAMED

# Keys of Ray 0.4 and older only, and keys that were new in 0.5.
ONLY_0_4 = {
    "timesteps_per_batch", "sgd_batchsize", "sgd_stepsize", "batch_size", "devices", "write_logs",
    "preprocessing", "rollout_batchsize", "min_steps_per_task", "extra_frameskip",
    "use_gpu_for_workers", "worker_resources",
}  # fmt: skip
SINCE_0_5 = {
    "num_envs_per_worker", "preprocessor_pref", "batch_mode", "num_gpus", "num_cpus_per_worker",
    "clip_rewards", "train_batch_size", "sgd_minibatch_size", "sample_batch_size", "vf_clip_param",
    "lr_schedule",
}  # fmt: skip
# Keys of releases before 1.0 only, and keys that were new in 2.0 and in 1.0.
BEFORE_1 = {
    "sample_batch_size", "use_pytorch", "eager", "smoothing_num_episodes",
    "per_worker_exploration", "schedule_max_timesteps", "exploration_final_eps",
    "exploration_fraction", "noise_scale", "exploration_theta", "exploration_sigma",
    "exploration_noise_type", "exploration_ou_noise_scale", "exploration_ou_theta",
    "exploration_ou_sigma", "exploration_final_scale", "pure_exploration_steps",
    "exploration_gaussian_sigma",
}  # fmt: skip
SINCE_2 = {
    "num_rollout_workers", "replay_buffer_config", "min_sample_timesteps_per_iteration",
    "min_time_s_per_iteration", "num_learner_workers", "enable_connectors",
    "recreate_failed_workers", "_enable_learner_api", "_enable_rl_module_api",
    "_enable_rl_trainer_api", "_enable_new_api_stack", "evaluation_duration",
}  # fmt: skip
SINCE_1 = {
    "timesteps_per_iteration", "min_iter_time_s", "min_time_s_per_reporting",
    "metrics_smoothing_episodes", "evaluation_num_episodes", "buffer_size",
    "_use_trajectory_view_api",
}  # fmt: skip
# Key → the algorithms that had it; with others it is a name of another library.
OF_ALGORITHMS = {"batch_size": ("A2C", "A3C", "PG")}
# Algorithms that RLlib still had when its current keys came.
LONG_LIVED = ("DQN", "PPO")
# Current keys beside legacy ones: only names are translated.
NOW = "now"

EPSILON = 1e-8
ADAM = {"type": "adam", "epsilon": EPSILON}
_ONE_ENV = {"num_envs_per_env_runner": 1, "optimizer": ADAM}
_ACTOR_CRITIC = {"num_env_runners": 2, **_ONE_ENV, "lr": 1e-4, "grad_clip": 40.0}
_PG = {"num_env_runners": 0, **_ONE_ENV, "lr": 4e-4, "train_batch_size": 200}
_A2C_1 = {
    **_ACTOR_CRITIC, "train_batch_size": 200, "rollout_fragment_length": 20,
    "min_time_s_per_iteration": 10,
}  # fmt: skip
_A3C = {**_ACTOR_CRITIC, "rollout_fragment_length": 10, "min_time_s_per_iteration": 5}
_RAW_ACTIONS = {"normalize_actions": False, "clip_actions": True}
# Adam's ε, weight decay, and a critic with the action at its first layer.
_DDPG = {
    "optimizer": {"type": "adam", "epsilon": 1e-7}, "l2_reg": 1e-6, "critic_action_layer": 0,
}  # fmt: skip
_PPO_0_4 = {
    "num_env_runners": 5, "gamma": 0.995, "observation_filter": "MeanStdFilter",
    "vf_clip_param": 0.3, **_RAW_ACTIONS,
}  # fmt: skip
_PG_0_4 = {
    **_PG, "num_env_runners": 4, "rollout_fragment_length": 512, "train_batch_size": 512,
    "model.fcnet_hiddens": [128, 128], **_RAW_ACTIONS,
}  # fmt: skip
# Release → algorithm → key → default that differs from the current one.
DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "0.4": {
        "A2C": {**_A2C_1, **_RAW_ACTIONS},
        "A3C": {
            **_ACTOR_CRITIC,
            **_RAW_ACTIONS,
            "num_env_runners": 4,
            "rollout_fragment_length": 10,
        },
        "DDPG": _DDPG,
        "PPO": _PPO_0_4,
        "PG": _PG_0_4,
    },
    "before 1.0": {
        "A2C": {**_A2C_1, **_RAW_ACTIONS},
        "A3C": {**_A3C, **_RAW_ACTIONS},
        "DDPG": _DDPG,
        "PPO": _RAW_ACTIONS,
        "PG": {**_PG, **_RAW_ACTIONS},
    },
    "1": {
        "A2C": _A2C_1,
        "A3C": _A3C,
        "DDPG": _DDPG,
        "PPO": {"rollout_fragment_length": 200},
        "PG": {**_PG, "rollout_fragment_length": 200},
    },
    "2": {
        "A2C": {**_ACTOR_CRITIC, "train_batch_size": 32, "min_time_s_per_iteration": 10},
        "A3C": _A3C,
        "DDPG": _DDPG,
        "PPO": {},
        "PG": _PG,
    },
    NOW: {},
}
# Network of Ray 0.4 for Atari: a single gray frame.
SCREENS_0_4 = {
    "model.dim": 80,
    "model.conv_filters": [[16, [8, 8], 4], [32, [4, 4], 2], [512, [10, 10], 1]],
}


def keys_of_rllib(keys: Iterable[str], algorithm: str) -> set[str]:
    """The keys that a release of RLlib may have had for an algorithm."""
    return {key for key in keys if algorithm in OF_ALGORITHMS.get(key, (algorithm,))}


def release_of(keys: set[str], algorithm: str, default: str | None = None) -> str:
    """The release a file was written for ("0.4", "before 1.0", "1", "2" or "now"), detected by its keys.

    "now": current keys with an algorithm that RLlib no longer had when they came.

    Args:
        keys: of the file's ``config``.
        algorithm: the file's.
        default: the release if the keys belong to all releases, where something else tells it.

    Raises:
        RequestError: two keys that no release had together.
    """
    keys = keys_of_rllib(keys, algorithm)
    for older, old, newer, new in (
        (ONLY_0_4, "Ray 0.4", SINCE_2 | CURRENT_ONLY, "Ray 2 and later"),
        (BEFORE_1, "Ray before 1.0", SINCE_2 | CURRENT_ONLY, "Ray 2 and later"),
        (SINCE_1, "Ray 1 and earlier", CURRENT_ONLY, "current releases"),
    ):
        if keys & older and keys & newer:
            first, second = min(keys & older), min(keys & newer)
            problem = f"is a key of {old}, but {second} one of {new}: no release had both"
            raise RequestError(problem, key=f"config.{first}", hint=_current_name(first, algorithm))
    if default is None and keys & CURRENT_ONLY and algorithm not in LONG_LIVED:
        return NOW
    default = default or "2"
    if keys & SINCE_2:
        return "2"
    if keys & ONLY_0_4 and not keys & SINCE_0_5:
        return "0.4"
    if keys & (BEFORE_1 | ONLY_0_4):
        return "before 1.0"
    return "1" if keys & SINCE_1 else default


def _current_name(key: str, algorithm: str) -> str | None:
    """The hint for a legacy key in a file of current keys."""
    hint = other_name_hint(key, keys_of(algorithm), algorithm)
    return hint or (f"use {RENAMED[key]}" if key in RENAMED else None)
