"""DQN's descriptor: the configuration keys of RLlib's own DQN, and what RLlib's env runner reports."""

from __future__ import annotations

import math
from typing import Any

from rllib_zoo.algorithms.base import validators as valid
from rllib_zoo.algorithms.base.descriptor import AlgorithmDescriptor
from rllib_zoo.algorithms.dqn.dqn import DQN, DQNConfig


def _whole_range(value: Any) -> str | None:
    """Two whole numbers between which RLlib draws one."""
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    is_valid = is_pair and not any(map(valid.integer(1), value)) and value[0] <= value[1]
    return None if is_valid else "[low, high]"


# Common keys that RLlib's own env runners and learners read.
_COMMON_KEYS = (
    "lr", "gamma", "grad_clip", "grad_clip_by", "model", "train_batch_size",
    "train_batch_size_per_learner", "num_env_runners", "num_envs_per_env_runner", "clip_rewards",
    "env_config", "sample_timeout_s", "create_env_on_local_worker", "num_cpus_for_main_process",
    "num_cpus_per_env_runner", "num_gpus_per_env_runner", "num_learners", "num_cpus_per_learner",
    "num_gpus_per_learner", "local_gpu_idx", "custom_resources_per_env_runner",
    "custom_resources_per_learner", "custom_resources_for_main_process", "placement_strategy",
    "framework_str", "evaluation_interval", "evaluation_duration", "evaluation_duration_unit",
    "evaluation_num_env_runners", "evaluation_sample_timeout_s", "evaluation_config", "explore",
    "min_sample_timesteps_per_iteration", "min_time_s_per_iteration",
    "metrics_num_episodes_for_smoothing", "log_level", "seed", "restart_failed_env_runners",
    "restart_failed_sub_environments", "ignore_env_runner_failures", "max_num_env_runner_restarts",
    "env_runner_health_probe_timeout_s", "env_runner_restore_timeout_s",
    "validate_env_runners_after_construction",
)  # fmt: skip
_KEYS: dict[str, valid.Kind] = {
    "callbacks_class": valid.anything,
    "rollout_fragment_length": valid.either(valid.integer(1), valid.choice("auto")),
    "epsilon": valid.schedule(valid.number(0, 1)),
    "exploration_temperature": valid.optional(valid.number(0, above=True)),
    "parameter_noise_stddev": valid.optional(valid.number(0, above=True)),
    "noisy": valid.boolean,
    "sigma0": valid.number(0, above=True),
    "target_network_update_freq": valid.integer(0),
    "num_steps_sampled_before_learning_starts": valid.integer(0),
    "replay_buffer_config": valid.mapping,
    "adam_epsilon": valid.number(0, above=True),
    "tau": valid.number(0, 1, above=True),
    "num_atoms": valid.integer(1),
    "v_min": valid.number(-math.inf),
    "v_max": valid.number(-math.inf),
    "dueling": valid.boolean,
    "double_q": valid.boolean,
    "hiddens": valid.widths,
    "n_step": valid.either(valid.integer(1), _whole_range),
    "training_intensity": valid.optional(valid.number(0, above=True)),
    "td_error_loss_fn": valid.choice("huber", "mse"),
}
_REPLAY_KEYS: dict[str, valid.Kind] = {
    "type": valid.choice("EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer"),
    "capacity": valid.integer(1),
    "alpha": valid.number(0),
    "beta": valid.number(0),
}
# The part of the model dict that RLlib's own networks have.
_MODEL_KEYS: dict[str, valid.Kind] = {
    "fcnet_hiddens": valid.widths,
    "fcnet_activation": valid.activation,
    "conv_filters": valid.optional(valid.conv_filters),
    "conv_activation": valid.activation,
    "dim": valid.integer(1),
}

DESCRIPTOR = AlgorithmDescriptor(
    name="DQN",
    algorithm_class=DQN,
    config_class=DQNConfig,
    keys=_KEYS,
    nested_keys={"model": _MODEL_KEYS, "replay_buffer_config": _REPLAY_KEYS},
    uses_common_key=_COMMON_KEYS.__contains__,
    learner_results=("total_loss", "qf_loss", "qf_mean", "qf_max", "qf_min", "td_error_mean"),
    missing_runner_results=("num_env_restarts", "num_env_restarts_lifetime"),
    on_policy=False,
    vector_env_runner=False,
    nondeterministic="DQN: RLlib's env runner and replay buffer are not deterministic",
    agent_keys=tuple(_KEYS),
)
