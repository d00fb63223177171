"""Noise in the weights of a Q network, instead of or beside random actions.

Two ways: layers that learn how noisy they are (Fortunato et al. 2018, "Noisy Networks for
Exploration"), and Gaussian noise on all weights for an episode (Plappert et al. 2018, "Parameter Space Noise
for Exploration").
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# Plappert et al. 2018, section 3: the factor by which the deviation follows the distance.
ADAPTATION = 1.01


class NoisyLinear(nn.Linear):
    """y = (μ_w + σ_w ⊙ ε_w) x + μ_b + σ_b ⊙ ε_b with factorised noise (Fortunato et al. 2018, eq. 9-11).

    Outside of :func:`noise_in` only the means are used.

    Args:
        in_features, out_features: as :class:`torch.nn.Linear`.
        sigma0: all σ start at ``sigma0 / sqrt(in_features)``.
    """

    def __init__(self, in_features: int, out_features: int, sigma0: float):
        super().__init__(in_features, out_features)
        bound = 1.0 / math.sqrt(in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        self.sigma_weight = nn.Parameter(torch.full_like(self.weight, sigma0 * bound))
        self.sigma_bias = nn.Parameter(torch.full_like(self.bias, sigma0 * bound))
        self.noise: tuple[Tensor, Tensor] | None = None

    def draw(self) -> None:
        """New noise ε_in [in] and ε_out [out], through f(x) = sign(x) sqrt(|x|)."""
        into, out = (
            torch.randn(size, device=self.weight.device)
            for size in (self.in_features, self.out_features)
        )
        self.noise = (into.sign() * into.abs().sqrt(), out.sign() * out.abs().sqrt())

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., in] → [..., out]."""
        if self.noise is None:
            return super().forward(x)
        into, out = self.noise
        weight = self.weight + self.sigma_weight * torch.outer(out, into)
        return nn.functional.linear(x, weight, self.bias + self.sigma_bias * out)


def make_noisy(network: nn.Module, sigma0: float) -> None:
    """Replace every linear layer inside of a network."""
    for name, child in network.named_children():
        if isinstance(child, nn.Linear):
            setattr(network, name, NoisyLinear(child.in_features, child.out_features, sigma0))
        else:
            make_noisy(child, sigma0)


@contextmanager
def noise_in(network: nn.Module) -> Iterator[None]:
    """Inside, all noisy layers of the network share one draw each; afterwards they are their means."""
    layers = [module for module in network.modules() if isinstance(module, NoisyLinear)]
    for layer in layers:
        layer.draw()
    try:
        yield
    finally:
        for layer in layers:
            layer.noise = None


class ParameterNoise:
    """Gaussian noise on all weights, the same until :meth:`new_episode`.

    Its standard deviation follows the distance it causes: that of ε-greedy exploration, which is
    KL = -log(1 - ε + ε / A) for A actions (Plappert et al. 2018, section 3 and appendix C.1).

    Args:
        stddev: to begin with.
    """

    def __init__(self, stddev: float):
        self.stddev = stddev
        self._noise: dict[str, Tensor] | None = None
        self._distances: list[float] = []
        self._bound = 0.0

    def new_episode(self) -> None:
        """Adapt the deviation to what the last noise did, and forget that noise."""
        if self._distances:
            near = sum(self._distances) / len(self._distances) <= self._bound
            self.stddev *= ADAPTATION if near else 1.0 / ADAPTATION
        self._noise, self._distances = None, []

    @contextmanager
    def in_weights(self, network: nn.Module) -> Iterator[None]:
        """Inside, the network's weights are noisy; afterwards they are what they were, bit for bit."""
        clean = {name: weight.data for name, weight in network.named_parameters()}
        if self._noise is None:
            self._noise = {name: torch.randn_like(data) for name, data in clean.items()}
        for name, weight in network.named_parameters():
            weight.data = clean[name] + self.stddev * self._noise[name]
        try:
            yield
        finally:
            for name, weight in network.named_parameters():
                weight.data = clean[name]

    def watch(self, clean_NA: Tensor, noisy_NA: Tensor, epsilon: float) -> None:
        """Note how far the noise took softmax(Q) in these states, and how far ε-greedy would have."""
        distance = nn.functional.kl_div(
            torch.log_softmax(noisy_NA, -1),
            torch.log_softmax(clean_NA, -1),
            reduction="batchmean",
            log_target=True,
        )
        self._distances.append(distance.item())
        actions = clean_NA.shape[-1]
        self._bound = -math.log(1.0 - epsilon + epsilon / actions)


def new_noise(*, rl_module: Any, **_: Any) -> None:
    """RLlib's ``on_episode_start``: the next exploring step draws new parameter noise."""
    rl_module.parameter_noise.new_episode()
