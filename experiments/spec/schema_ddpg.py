"""The configuration keys of DDPG: the common ones without some, and its own."""

from __future__ import annotations

import math

from rllib_zoo.algorithms.ddpg.exploration import NOISES
from rllib_zoo.algorithms.ddpg.replay import BUFFERS
from rllib_zoo.experiments.spec.validators import (
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

# Keys of ``schema.COMMON`` that mean nothing to it: those of stochastic policies and of one network,
# and the filter, whose moments would age in the buffer.
NOT_COMMON = (
    "lr", "lambda_", "use_gae", "use_critic", "vf_loss_coeff", "entropy_coeff", "batch_mode",
    "standardize_advantages", "model", "autocast", "observation_filter", "normalize_actions",
    "clip_actions",
)  # fmt: skip


OWN_KEYS: dict[str, Kind] = {
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
# What stands in those that are mappings.
NESTED: dict[str, dict[str, Kind]] = {
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
