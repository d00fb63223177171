"""DDPG's descriptor: its configuration keys, and what it does not share with on-policy algorithms."""

from __future__ import annotations

import math

from rllib_zoo.algorithms.base import validators as valid
from rllib_zoo.algorithms.base.descriptor import AlgorithmDescriptor
from rllib_zoo.algorithms.ddpg.ddpg import DDPG, DDPGConfig
from rllib_zoo.algorithms.ddpg.exploration import NOISES
from rllib_zoo.algorithms.ddpg.replay import BUFFERS

# Common keys without effect: of stochastic policies and of a single network, and the observation filter,
# whose moments would age in the replay buffer.
_WITHOUT_EFFECT = (
    "lr", "lambda_", "use_gae", "use_critic", "vf_loss_coeff", "entropy_coeff", "batch_mode",
    "standardize_advantages", "gradient_variance_every", "model", "autocast", "observation_filter",
    "normalize_actions",
    "clip_actions",
)  # fmt: skip
_KEYS: dict[str, valid.Kind] = {
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
_NESTED_KEYS: dict[str, dict[str, valid.Kind]] = {
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

_RESULTS = (
    "policy_loss", "qf_loss", "qf_mean", "td_error_mean", "gradients_actor_global_norm",
    "gradients_critic_global_norm", "curr_actor_lr", "curr_critic_lr",
)  # fmt: skip

DESCRIPTOR = AlgorithmDescriptor(
    name="DDPG",
    algorithm_class=DDPG,
    config_class=DDPGConfig,
    keys=_KEYS,
    nested_keys=_NESTED_KEYS,
    uses_common_key=lambda key: key not in _WITHOUT_EFFECT,
    learner_results=_RESULTS,
    on_policy=False,
    agent_keys=tuple(_KEYS),
)
