"""The configuration keys of RLlib's own DQN: a part of the common ones, and its own."""

from __future__ import annotations

import math
from typing import Any

from rllib_zoo.experiments.spec.validators import (
    Kind,
    anything,
    boolean,
    choice,
    either,
    integer,
    mapping,
    number,
    optional,
    schedule,
    widths,
)


def whole_range(value: Any) -> str | None:
    """Two whole numbers between which RLlib draws one."""
    pair = isinstance(value, list | tuple) and len(value) == 2 and not any(map(integer(1), value))
    return None if pair and sorted(value) == list(value) else "[low, high]"


# Keys of ``schema.COMMON`` that RLlib's own runners and learners know.
COMMON_KEYS = (
    "lr", "gamma", "grad_clip", "grad_clip_by", "model", "train_batch_size",
    "train_batch_size_per_learner", "num_env_runners", "num_envs_per_env_runner", "clip_rewards",
    "env_config", "sample_timeout_s", "create_env_on_local_worker", "num_cpus_for_main_process",
    "num_cpus_per_env_runner", "num_gpus_per_env_runner", "num_learners", "num_cpus_per_learner",
    "num_gpus_per_learner", "local_gpu_idx", "custom_resources_per_env_runner",
    "custom_resources_per_learner", "custom_resources_for_main_process", "placement_strategy",
    "framework_str", "evaluation_interval", "evaluation_duration", "evaluation_duration_unit",
    "evaluation_num_env_runners", "evaluation_config", "explore",
    "min_sample_timesteps_per_iteration", "min_time_s_per_iteration",
    "metrics_num_episodes_for_smoothing", "log_level", "seed", "restart_failed_env_runners",
    "restart_failed_sub_environments", "ignore_env_runner_failures", "max_num_env_runner_restarts",
    "delay_between_env_runner_restarts_s", "env_runner_health_probe_timeout_s",
    "env_runner_restore_timeout_s", "validate_env_runners_after_construction",
)  # fmt: skip
OWN_KEYS: dict[str, Kind] = {
    "callbacks_class": anything,
    "rollout_fragment_length": either(integer(1), choice("auto")),
    "epsilon": schedule(number(0, 1)),
    "exploration_temperature": optional(number(0, above=True)),
    "parameter_noise_stddev": optional(number(0, above=True)),
    "noisy": boolean,
    "sigma0": number(0, above=True),
    "target_network_update_freq": integer(0),
    "num_steps_sampled_before_learning_starts": integer(0),
    "replay_buffer_config": mapping,
    "adam_epsilon": number(0, above=True),
    "tau": number(0, 1, above=True),
    "num_atoms": integer(1),
    "v_min": number(-math.inf),
    "v_max": number(-math.inf),
    "dueling": boolean,
    "double_q": boolean,
    "hiddens": widths,
    "n_step": either(integer(1), whole_range),
    "training_intensity": optional(number(0, above=True)),
    "td_error_loss_fn": choice("huber", "mse"),
}
REPLAY_KEYS: dict[str, Kind] = {
    "type": choice("EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer"),
    "capacity": integer(1),
    "alpha": number(0),
    "beta": number(0),
}


# The part of the model dict that RLlib's own networks have.
MODEL_KEYS = (
    "fcnet_hiddens", "fcnet_activation", "conv_filters", "conv_activation", "dim",
)  # fmt: skip
