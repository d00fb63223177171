"""DDPG's four networks in one RLModule: actor, critic, and their target networks."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.rllib.models.utils import get_activation_fn
from torch import Tensor, nn

from rllib_zoo.algorithms.env_runner.policy import NoModelV2Mixin

# Bound of the last layer's initial weights: actions and values start near 0, where tanh is steep
# (Lillicrap et al. 2016, section 7). Without it Pendulum's actor got stuck at ±1 within 1,000 steps.
LAST_BOUND = 3e-3


class Actor(nn.Sequential):
    """μ(s): observations [B, O] → actions [B, D] in [-1, 1], by a tanh."""

    def __init__(self, observations: int, hiddens: Sequence[int], actions: int, activation: str):
        widths = [observations, *hiddens]
        layers: list[nn.Module] = []
        for width, next_width in itertools.pairwise(widths):
            layers += [nn.Linear(width, next_width), _activation(activation)]
        super().__init__(*layers, _last(widths[-1], actions), nn.Tanh())


class Critic(nn.Module):
    """Q(s, a): observations [B, O] and actions [B, D] → values [B].

    Args:
        observations: O.
        actions: D.
        hiddens: widths of the layers.
        activation: between them.
        action_layer: index of the layer whose input includes the action; 1 is the second layer
            (Lillicrap et al. 2016, section 7; homework, "Implement of the network structure").
    """

    def __init__(
        self,
        observations: int,
        actions: int,
        hiddens: Sequence[int],
        activation: str,
        action_layer: int,
    ):
        super().__init__()
        self._action_layer = action_layer
        inputs, outputs = [observations, *hiddens], [*hiddens, 1]
        inputs[action_layer] += actions
        *before, last = zip(inputs, outputs, strict=True)
        self.layers = nn.ModuleList([*(nn.Linear(*sizes) for sizes in before), _last(*last)])
        self.activation = _activation(activation)

    def forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        x = obs
        for number, layer in enumerate(self.layers):
            if number == self._action_layer:
                x = torch.cat([x, actions], dim=-1)
            x = layer(x)
            if number < len(self.layers) - 1:
                x = self.activation(x)
        return x.squeeze(-1)


class DDPGModule(NoModelV2Mixin, TorchRLModule):
    """Actor, critic and target networks.

    | symbol | shape | meaning |
    |---|---|---|
    | obs | [B, *observation_space.shape] | observations; flattened by the networks |
    | actions | [B, D] | μ(s) in [-1, 1] |

    ``model_config``: ``actor_hiddens``, ``critic_hiddens``, their activations and
    ``critic_action_layer``.

    Raises:
        ValueError: observations or actions are not a Box, or the actions' bounds are not finite.
    """

    def setup(self) -> None:
        """RLlib's hook."""
        observations, actions = _sizes(self.observation_space, self.action_space)
        settings = self.model_config
        self._num_actions = actions
        self.actor = Actor(
            observations, settings["actor_hiddens"], actions, settings["actor_hidden_activation"]
        )
        hiddens, activation = settings["critic_hiddens"], settings["critic_hidden_activation"]
        layer = settings["critic_action_layer"]
        self.critic = Critic(observations, actions, hiddens, activation, layer)
        self.target_actor = copy.deepcopy(self.actor).requires_grad_(False)
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)

    def policy_and_value(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """μ(s) [N, D], and zeros [N] as values, which DDPG does not use."""
        actions = self.actor(obs.flatten(1).float())
        return actions, actions.new_zeros(len(actions))

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        actions, _values = self.policy_and_value(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: actions, Columns.ACTIONS: actions}


def _activation(name: str) -> nn.Module:
    activation: type[nn.Module] | None = get_activation_fn(name, framework="torch")
    return nn.Identity() if activation is None else activation()


def _last(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -LAST_BOUND, LAST_BOUND)
    return layer


def _sizes(observations: Any, actions: Any) -> tuple[int, int]:
    """Flat sizes of an observation and an action."""
    for space, name in ((observations, "observations"), (actions, "actions")):
        if not isinstance(space, gym.spaces.Box):
            raise ValueError(f"DDPG requires a Box of {name}, the environment has {space}")
    if not actions.is_bounded():
        raise ValueError(f"DDPG requires actions with finite bounds, the environment has {actions}")
    return math.prod(observations.shape), math.prod(actions.shape)
