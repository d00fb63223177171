"""Action distributions as pure functions of the network's outputs ("distribution inputs").

Samples are a function of noise drawn beforehand: one call per fragment, and one generator for all
randomness of a run. B stands for any leading shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

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
        """Sampled actions, shape [B] or [B, D]; int64 if discrete, else float32."""

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


class Bernoulli:
    """Over D independent bits; inputs are the logits of a 1, [B, D], actions int64 [B, D]."""

    def __init__(self, num_bits: int):
        self._num_bits = num_bits

    def num_inputs(self) -> int:
        return self._num_bits

    def noise(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        # logit + logistic noise > 0 has probability sigmoid(logit); logit(U) is logistic.
        return torch.rand((*batch_shape, self._num_bits), generator=generator).logit_()

    def sample(self, inputs_BK: Tensor, noise: Tensor) -> Tensor:
        return (inputs_BK + noise > 0).long()

    def mode(self, inputs_BK: Tensor) -> Tensor:
        return (inputs_BK > 0).long()

    # With logit x: log p = x - softplus(x) and log(1 - p) = -softplus(x).

    def log_prob(self, inputs_BK: Tensor, actions: Tensor) -> Tensor:
        return (actions * inputs_BK - functional.softplus(inputs_BK)).sum(-1)

    def entropy(self, inputs_BK: Tensor) -> Tensor:
        return (functional.softplus(inputs_BK) - inputs_BK.sigmoid() * inputs_BK).sum(-1)

    def kl(self, inputs_p_BK: Tensor, inputs_q_BK: Tensor) -> Tensor:
        difference = functional.softplus(inputs_q_BK) - functional.softplus(inputs_p_BK)
        return (inputs_p_BK.sigmoid() * (inputs_p_BK - inputs_q_BK) + difference).sum(-1)


class Product:
    """Of independent distributions: log-probabilities, entropies and KL divergences are sums.

    Inputs [B, K], noise and actions [B, D] are those of the parts, one after the other; a categorical
    action is one number. Actions are float32 as soon as one part's are.
    """

    def __init__(self, parts: Sequence[Distribution]):
        self._parts = parts
        self._num_inputs = [part.num_inputs() for part in parts]
        modes = [part.mode(torch.zeros(1, part.num_inputs())) for part in parts]
        self._is_scalar = [mode.dim() == 1 for mode in modes]
        self._num_actions = [mode.numel() for mode in modes]
        self._dtypes = [mode.dtype for mode in modes]
        generator = torch.Generator()
        self._num_noise = [part.noise((1,), generator).shape[-1] for part in parts]

    def num_inputs(self) -> int:
        return sum(self._num_inputs)

    def noise(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.cat([part.noise(batch_shape, generator) for part in self._parts], -1)

    def sample(self, inputs_BK: Tensor, noise: Tensor) -> Tensor:
        each = zip(
            self._parts, self._split(inputs_BK), noise.split(self._num_noise, -1), strict=True
        )
        return self._joined([part.sample(*values) for part, *values in each])

    def mode(self, inputs_BK: Tensor) -> Tensor:
        each = zip(self._parts, self._split(inputs_BK), strict=True)
        return self._joined([part.mode(inputs) for part, inputs in each])

    def log_prob(self, inputs_BK: Tensor, actions: Tensor) -> Tensor:
        columns = zip(
            actions.split(self._num_actions, -1), self._is_scalar, self._dtypes, strict=True
        )
        each_action = [
            (column.squeeze(-1) if is_scalar else column).to(dtype)
            for column, is_scalar, dtype in columns
        ]
        each = zip(self._parts, self._split(inputs_BK), each_action, strict=True)
        return _sum([part.log_prob(*values) for part, *values in each])

    def entropy(self, inputs_BK: Tensor) -> Tensor:
        each = zip(self._parts, self._split(inputs_BK), strict=True)
        return _sum([part.entropy(inputs) for part, inputs in each])

    def kl(self, inputs_p_BK: Tensor, inputs_q_BK: Tensor) -> Tensor:
        each = zip(self._parts, self._split(inputs_p_BK), self._split(inputs_q_BK), strict=True)
        return _sum([part.kl(*values) for part, *values in each])

    def _split(self, inputs_BK: Tensor) -> Sequence[Tensor]:
        return inputs_BK.split(self._num_inputs, -1)

    def _joined(self, actions: Sequence[Tensor]) -> Tensor:
        dtype = torch.int64 if set(self._dtypes) == {torch.int64} else torch.float32
        columns = zip(actions, self._is_scalar, strict=True)
        return torch.cat(
            [(a.unsqueeze(-1) if is_scalar else a).to(dtype) for a, is_scalar in columns], -1
        )


def _sum(terms_B: Sequence[Tensor]) -> Tensor:
    return torch.stack(tuple(terms_B)).sum(0)


def components(space: gym.spaces.Dict | gym.spaces.Tuple) -> dict[Any, gym.Space]:
    """The spaces of a Dict, by sorted keys, or of a Tuple, by index; the order of RLlib's outputs."""
    if isinstance(space, gym.spaces.Tuple):
        return dict(enumerate(space.spaces))
    try:
        return dict(sorted(space.spaces.items()))
    except TypeError:  # keys of several types
        return dict(space.spaces)


def distribution_for(action_space: gym.Space) -> Distribution:
    """The distribution over an action space.

    Discrete → Categorical, Box → DiagonalGaussian, MultiBinary → Bernoulli, MultiDiscrete → a Product
    of Categoricals, Dict and Tuple → a Product over their spaces, in the order of :func:`components`.

    Raises:
        ValueError: any other space.
    """
    if isinstance(action_space, gym.spaces.Discrete):
        return Categorical(int(action_space.n))
    if isinstance(action_space, gym.spaces.Box):
        return DiagonalGaussian(math.prod(action_space.shape))
    if isinstance(action_space, gym.spaces.MultiBinary):
        return Bernoulli(math.prod(action_space.shape))
    if isinstance(action_space, gym.spaces.MultiDiscrete):
        return Product([Categorical(n) for n in action_space.nvec.ravel().tolist()])
    if isinstance(action_space, gym.spaces.Dict | gym.spaces.Tuple):
        return Product([distribution_for(part) for part in components(action_space).values()])
    raise ValueError(f"no action distribution for {action_space}")
