"""Exploration by noise in the weights of a Q network.

Layers with learned noise (Fortunato et al. 2018, "Noisy Networks for Exploration"), and Gaussian noise on all
weights for an episode (Plappert et al. 2018, "Parameter Space Noise for Exploration").
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# Factor by which the standard deviation adapts (Plappert et al. 2018, section 3).
ADAPTATION = 1.01


class NoisyLinear(nn.Linear):
    """y = (μ_w + σ_w ⊙ ε_w) x + μ_b + σ_b ⊙ ε_b with factorised noise (Fortunato et al. 2018, eq. 9-11).

    Outside of :func:`sampled_noise` only the means are used.

    Args:
        in_features, out_features: as :class:`torch.nn.Linear`.
        sigma0: the initial σ is ``sigma0 / sqrt(in_features)``.
    """

    def __init__(self, in_features: int, out_features: int, sigma0: float):
        super().__init__(in_features, out_features)
        bound = 1.0 / math.sqrt(in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        self.sigma_weight = nn.Parameter(torch.full_like(self.weight, sigma0 * bound))
        self.sigma_bias = nn.Parameter(torch.full_like(self.bias, sigma0 * bound))
        self.noise: tuple[Tensor, Tensor] | None = None

    def sample_noise(self) -> None:
        """Sample noise ε_in [in] and ε_out [out], through f(x) = sign(x) sqrt(|x|)."""
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
    """Replace every linear layer in a network by a noisy one."""
    for name, child in network.named_children():
        if isinstance(child, nn.Linear):
            setattr(network, name, NoisyLinear(child.in_features, child.out_features, sigma0))
        else:
            make_noisy(child, sigma0)


@contextmanager
def sampled_noise(network: nn.Module) -> Iterator[None]:
    """Within the context every noisy layer of the network uses one noise sample, outside only the means."""
    layers = [module for module in network.modules() if isinstance(module, NoisyLinear)]
    for layer in layers:
        layer.sample_noise()
    try:
        yield
    finally:
        for layer in layers:
            layer.noise = None


class ParameterNoise:
    """Gaussian noise on all weights, the same until :meth:`reset`.

    Its standard deviation adapts so that the policy's distance is that of ε-greedy exploration,
    KL = -log(1 - ε + ε / A) for A actions (Plappert et al. 2018, section 3 and appendix C.1).

    Args:
        stddev: initial standard deviation.
    """

    def __init__(self, stddev: float):
        self.stddev = stddev
        self._noise: dict[str, Tensor] | None = None
        self._distances: list[float] = []
        self._target = 0.0

    def reset(self) -> None:
        """Adapt the standard deviation to the recorded distances, and discard the noise."""
        if self._distances:
            is_close = sum(self._distances) / len(self._distances) <= self._target
            self.stddev *= ADAPTATION if is_close else 1.0 / ADAPTATION
        self._noise, self._distances = None, []

    @contextmanager
    def applied_to(self, network: nn.Module) -> Iterator[None]:
        """Within the context the network's weights are noisy; afterwards they are restored exactly."""
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

    def record_distance(self, clean_NA: Tensor, noisy_NA: Tensor, epsilon: float) -> None:
        """Record the KL divergence that the noise causes in softmax(Q), and that of ε-greedy."""
        distance = nn.functional.kl_div(
            torch.log_softmax(noisy_NA, -1),
            torch.log_softmax(clean_NA, -1),
            reduction="batchmean",
            log_target=True,
        )
        self._distances.append(distance.item())
        actions = clean_NA.shape[-1]
        self._target = -math.log(1.0 - epsilon + epsilon / actions)


def reset_parameter_noise(*, rl_module: Any, **_: Any) -> None:
    """RLlib's ``on_episode_start``: the next exploration step samples new parameter noise."""
    rl_module.parameter_noise.reset()
