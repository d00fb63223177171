"""The algorithms' descriptors: data only, so that a file's keys are checked without RLlib and torch."""

from __future__ import annotations

import math
from typing import Any

from rllib_zoo.algorithms.base import validators as valid
from rllib_zoo.algorithms.base.descriptor import ACTOR_CRITIC_RESULTS, AlgorithmDescriptor

_PASSES = {
    "normalize_returns": valid.boolean,
    "num_epochs": valid.integer(1),
    "minibatch_size": valid.optional(valid.integer(1)),
    "shuffle_batch_per_epoch": valid.boolean,
}

A2C = AlgorithmDescriptor(
    name="A2C",
    algorithm="rllib_zoo.algorithms.a2c.A2C",
    keys={**_PASSES, "microbatch_size": valid.optional(valid.integer(1))},
)

A3C = AlgorithmDescriptor(
    name="A3C",
    algorithm="rllib_zoo.algorithms.a3c.A3C",
    learner_results=(*ACTOR_CRITIC_RESULTS, "gradient_staleness_mean", "gradient_staleness_max"),
    asynchronous=True,
    fewest_env_runners=1,
    nondeterministic="A3C: the order in which gradients arrive depends on timing",
)

# Weights of an action: all rewards of its episode, or those after it.
WHOLE_RETURN, REWARD_TO_GO = "whole_return", "reward_to_go"
COMPLETE_EPISODES = "complete_episodes"
PG = AlgorithmDescriptor(
    name="PG",
    algorithm="rllib_zoo.algorithms.pg.PG",
    keys={
        "credit": valid.choice(REWARD_TO_GO, WHOLE_RETURN),
        "constant_baseline": valid.boolean,
        "batch_mode": valid.choice("truncate_episodes", COMPLETE_EPISODES),
    },
)

# Objective of Schulman et al. 2017, table 1 → its keys; the other keys of PPO's bounds must not be set.
OBJECTIVES: dict[str, tuple[str, ...]] = {
    "none": (),
    "clip": ("clip_param",),
    "kl_adaptive": ("kl_target", "kl_coeff"),
    "kl_fixed": ("kl_coeff",),
}
PPO = AlgorithmDescriptor(
    name="PPO",
    algorithm="rllib_zoo.algorithms.ppo.PPO",
    keys={
        **_PASSES,
        "objective": valid.optional(valid.choice(*OBJECTIVES)),
        "clip_param": valid.optional(valid.number(0, above=True)),
        "vf_clip_param": valid.optional(valid.number(0, above=True)),
        # RLlib's PPO refuses truncated episodes without it.
        "use_gae": lambda value: (
            None if value is True else "true with PPO (lambda: 1 gives n-step advantages)"
        ),
        "use_kl_loss": valid.boolean,
        "kl_coeff": valid.number(0),
        "kl_target": valid.optional(valid.number(0, above=True)),
    },
    learner_results=(*ACTOR_CRITIC_RESULTS, "mean_kl_loss", "clip_fraction", "curr_kl_coeff"),
)


# Type of exploration noise → its other keys and their defaults; for the Ornstein-Uhlenbeck process those
# of Lillicrap et al. 2016, section 7.
NOISES: dict[str, dict[str, Any]] = {
    "gaussian": {"scale": 0.1},
    "ornstein_uhlenbeck": {"scale": 1.0, "theta": 0.15, "sigma": 0.2},
}
BUFFERS = ("ReplayBuffer", "PrioritizedReplayBuffer")
# Common keys without effect: of stochastic policies and of a single network, and the observation filter,
# whose moments would age in the replay buffer.
_DDPG_WITHOUT = (
    "lr", "lambda_", "use_gae", "use_critic", "vf_loss_coeff", "entropy_coeff", "batch_mode",
    "standardize_advantages", "gradient_variance_every", "model", "autocast", "observation_filter",
    "normalize_actions",
    "clip_actions",
)  # fmt: skip
_DDPG_KEYS: dict[str, valid.Kind] = {
    "actor_hiddens": valid.widths,
    "actor_hidden_activation": valid.activation,
    "critic_hiddens": valid.widths,
    "critic_hidden_activation": valid.activation,
    "critic_action_layer": valid.integer(0),
    "actor_lr": valid.schedule(valid.number(0)),
    "critic_lr": valid.schedule(valid.number(0)),
    "tau": valid.number(0, 1, above=True),
    "target_network_update_freq": valid.integer(0),
    "use_huber": valid.boolean,
    "huber_threshold": valid.number(0, above=True),
    "l2_reg": valid.number(0),
    "n_step": valid.integer(1),
    "reward_scale": valid.number(0, above=True),
    "reward_shift": valid.number(-math.inf),
    "exploration_noise": valid.mapping,
    "random_steps": valid.integer(0),
    "num_steps_sampled_before_learning_starts": valid.integer(0),
    "training_intensity": valid.optional(valid.number(0, above=True)),
    "replay_buffer_config": valid.mapping,
    "store_buffer_in_checkpoints": valid.boolean,
}
_DDPG_NESTED: dict[str, dict[str, valid.Kind]] = {
    "exploration_noise": {
        "type": valid.choice(*NOISES),
        "scale": valid.schedule(valid.number(0)),
        "theta": valid.number(0, 1),
        "sigma": valid.number(0),
    },
    "replay_buffer_config": {
        "type": valid.choice(*BUFFERS),
        "capacity": valid.integer(1),
        "alpha": valid.number(0, above=True),
        "beta": valid.number(0),
        "eps": valid.number(0, above=True),
    },
}

_DDPG_RESULTS = (
    "policy_loss", "qf_loss", "qf_mean", "td_error_mean", "gradients_actor_global_norm",
    "gradients_critic_global_norm", "curr_actor_lr", "curr_critic_lr",
)  # fmt: skip

DDPG = AlgorithmDescriptor(
    name="DDPG",
    algorithm="rllib_zoo.algorithms.ddpg.DDPG",
    keys=_DDPG_KEYS,
    nested_keys=_DDPG_NESTED,
    uses_common_key=lambda key: key not in _DDPG_WITHOUT,
    learner_results=_DDPG_RESULTS,
    on_policy=False,
    agent_keys=tuple(_DDPG_KEYS),
)


def _whole_range(value: Any) -> str | None:
    """Two whole numbers between which RLlib draws one."""
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    is_valid = is_pair and not any(map(valid.integer(1), value)) and value[0] <= value[1]
    return None if is_valid else "[low, high]"


# Common keys that RLlib's own env runners and learners read.
_DQN_COMMON = (
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
_DQN_KEYS: dict[str, valid.Kind] = {
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
_DQN_REPLAY: dict[str, valid.Kind] = {
    "type": valid.choice("EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer"),
    "capacity": valid.integer(1),
    "alpha": valid.number(0),
    "beta": valid.number(0),
}
# The part of the model dict that RLlib's own networks have.
_DQN_MODEL: dict[str, valid.Kind] = {
    "fcnet_hiddens": valid.widths,
    "fcnet_activation": valid.activation,
    "conv_filters": valid.optional(valid.conv_filters),
    "conv_activation": valid.activation,
    "dim": valid.integer(1),
}

DQN = AlgorithmDescriptor(
    name="DQN",
    algorithm="rllib_zoo.algorithms.dqn.DQN",
    keys=_DQN_KEYS,
    nested_keys={"model": _DQN_MODEL, "replay_buffer_config": _DQN_REPLAY},
    uses_common_key=_DQN_COMMON.__contains__,
    learner_results=("total_loss", "qf_loss", "qf_mean", "qf_max", "qf_min", "td_error_mean"),
    missing_runner_results=("num_env_restarts", "num_env_restarts_lifetime"),
    on_policy=False,
    vector_env_runner=False,
    nondeterministic="DQN: RLlib's env runner and replay buffer are not deterministic",
    agent_keys=tuple(_DQN_KEYS),
)
