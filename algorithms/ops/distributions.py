"""Action distributions as pure functions of the network's outputs ("distribution inputs").

Samples are a function of noise drawn beforehand: one call per fragment, and one generator for all
randomness of a run. B stands for any leading shape.
"""

from __future__ import annotations

import math
from typing import Protocol

import gymnasium as gym
import torch
from torch import Tensor
from torch.nn import functional

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


class Distribution(Protocol):
    """Interface of an action distribution."""

    def num_inputs(self) -> int:
        """K, the number of network outputs per distribution."""

    def noise(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Noise for :meth:`sample`, shape [*batch_shape, ...]."""

    def sample(self, inputs_BK: Tensor, noise: Tensor) -> Tensor:
        """Sampled actions, shape [B] or [B, D]."""

    def mode(self, inputs_BK: Tensor) -> Tensor:
        """The most probable actions, shape [B] or [B, D]."""

    def log_prob(self, inputs_BK: Tensor, actions: Tensor) -> Tensor:
        """log π(a|s), shape [B]."""

    def entropy(self, inputs_BK: Tensor) -> Tensor:
        """H[π(·|s)] in nats, shape [B]."""

    def kl(self, inputs_p_BK: Tensor, inputs_q_BK: Tensor) -> Tensor:
        """KL[p, q] in nats, shape [B]."""


class Categorical:
    """Over K discrete actions; inputs are unnormalized logits [B, K], actions int64 [B]."""

    def __init__(self, num_actions: int):
        self._num_actions = num_actions

    def num_inputs(self) -> int:
        return self._num_actions

    def noise(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        # argmax(logits + Gumbel noise) is a sample of softmax(logits) (Gumbel-max); -log of an
        # exponential variable is Gumbel. Its support excludes 0, so the log is finite.
        shape = (*batch_shape, self._num_actions)
        return -torch.empty(shape).exponential_(generator=generator).log_()

    def sample(self, inputs_BK: Tensor, noise: Tensor) -> Tensor:
        return torch.argmax(inputs_BK + noise, dim=-1)

    def mode(self, inputs_BK: Tensor) -> Tensor:
        return torch.argmax(inputs_BK, dim=-1)

    def log_prob(self, inputs_BK: Tensor, actions: Tensor) -> Tensor:
        log_probs = functional.log_softmax(inputs_BK, dim=-1)
        return log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    def entropy(self, inputs_BK: Tensor) -> Tensor:
        log_probs = functional.log_softmax(inputs_BK, dim=-1)
        return -(log_probs.exp() * log_probs).sum(-1)

    def kl(self, inputs_p_BK: Tensor, inputs_q_BK: Tensor) -> Tensor:
        log_p = functional.log_softmax(inputs_p_BK, dim=-1)
        log_q = functional.log_softmax(inputs_q_BK, dim=-1)
        return (log_p.exp() * (log_p - log_q)).sum(-1)


class DiagonalGaussian:
    """Over D real actions; inputs are mean and log std, [B, 2D], actions float32 [B, D].

    Log-probabilities are of the unclipped sample; only the environment gets clipped actions.
    """

    def __init__(self, num_dimensions: int):
        self._num_dimensions = num_dimensions

    def num_inputs(self) -> int:
        return 2 * self._num_dimensions

    def noise(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randn((*batch_shape, self._num_dimensions), generator=generator)

    def sample(self, inputs_BK: Tensor, noise: Tensor) -> Tensor:
        mean, log_std = inputs_BK.chunk(2, dim=-1)
        return mean + log_std.exp() * noise

    def mode(self, inputs_BK: Tensor) -> Tensor:
        return inputs_BK.chunk(2, dim=-1)[0]

    def log_prob(self, inputs_BK: Tensor, actions: Tensor) -> Tensor:
        mean, log_std = inputs_BK.chunk(2, dim=-1)
        standardised = (actions - mean) * (-log_std).exp()
        return (-0.5 * standardised.square() - log_std - LOG_SQRT_2PI).sum(-1)

    def entropy(self, inputs_BK: Tensor) -> Tensor:
        _, log_std = inputs_BK.chunk(2, dim=-1)
        return (log_std + 0.5 + LOG_SQRT_2PI).sum(-1)

    def kl(self, inputs_p_BK: Tensor, inputs_q_BK: Tensor) -> Tensor:
        mean_p, log_std_p = inputs_p_BK.chunk(2, dim=-1)
        mean_q, log_std_q = inputs_q_BK.chunk(2, dim=-1)
        variance_ratio = (2.0 * (log_std_p - log_std_q)).exp()
        scaled_distance = ((mean_p - mean_q) * (-log_std_q).exp()).square()
        return (0.5 * (variance_ratio + scaled_distance - 1.0) + log_std_q - log_std_p).sum(-1)


def distribution_for(action_space: gym.Space) -> Distribution:
    """The distribution over an action space: Discrete → Categorical, Box → DiagonalGaussian.

    Raises:
        ValueError: any other space.
    """
    if isinstance(action_space, gym.spaces.Discrete):
        return Categorical(int(action_space.n))
    if isinstance(action_space, gym.spaces.Box):
        return DiagonalGaussian(math.prod(action_space.shape))
    raise ValueError(f"no action distribution for {action_space}; supported are Discrete and Box")
