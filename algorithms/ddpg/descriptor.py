"""DDPG's descriptor: its configuration keys, and what it does not share with on-policy algorithms."""

from __future__ import annotations

import math

from rllib_zoo.algorithms.base.descriptor import AlgorithmDescriptor
from rllib_zoo.algorithms.base.validators import (
    Kind,
    activation,
    boolean,
    choice,
    integer,
    mapping,
    number,
    optional,
    schedule,
    widths,
)
from rllib_zoo.algorithms.ddpg.ddpg import DDPG, DDPGConfig
from rllib_zoo.algorithms.ddpg.exploration import NOISES
from rllib_zoo.algorithms.ddpg.replay import BUFFERS

# Common keys without effect: of stochastic policies and of a single network, and the observation filter,
# whose moments would age in the replay buffer.
_WITHOUT_EFFECT = (
    "lr", "lambda_", "use_gae", "use_critic", "vf_loss_coeff", "entropy_coeff", "batch_mode",
    "standardize_advantages", "model", "autocast", "observation_filter", "normalize_actions",
    "clip_actions",
)  # fmt: skip


_KEYS: dict[str, Kind] = {
    "actor_hiddens": widths,
    "actor_hidden_activation": activation,
    "critic_hiddens": widths,
    "critic_hidden_activation": activation,
    "critic_action_layer": integer(0),
    "actor_lr": schedule(number(0)),
    "critic_lr": schedule(number(0)),
    "tau": number(0, 1, above=True),
    "target_network_update_freq": integer(0),
    "use_huber": boolean,
    "huber_threshold": number(0, above=True),
    "l2_reg": number(0),
    "n_step": integer(1),
    "reward_scale": number(0, above=True),
    "reward_shift": number(-math.inf),
    "exploration_noise": mapping,
    "random_steps": integer(0),
    "num_steps_sampled_before_learning_starts": integer(0),
    "training_intensity": optional(number(0, above=True)),
    "replay_buffer_config": mapping,
    "store_buffer_in_checkpoints": boolean,
}
_NESTED_KEYS: dict[str, dict[str, Kind]] = {
    "exploration_noise": {
        "type": choice(*NOISES),
        "scale": schedule(number(0)),
        "theta": number(0, 1),
        "sigma": number(0),
    },
    "replay_buffer_config": {
        "type": choice(*BUFFERS),
        "capacity": integer(1),
        "alpha": number(0, above=True),
        "beta": number(0),
        "eps": number(0, above=True),
    },
}

DESCRIPTOR = AlgorithmDescriptor(
    name="DDPG",
    algorithm_class=DDPG,
    config_class=DDPGConfig,
    keys=_KEYS,
    nested_keys=_NESTED_KEYS,
    uses_common_key=lambda key: key not in _WITHOUT_EFFECT,
    learner_results=(
        "policy_loss",
        "qf_loss",
        "qf_mean",
        "td_error_mean",
        "gradients_actor_global_norm",
        "gradients_critic_global_norm",
        "curr_actor_lr",
        "curr_critic_lr",
    ),
    on_policy=False,
    agent_keys=tuple(_KEYS),
)
