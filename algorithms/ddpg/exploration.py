"""A deterministic policy over a Box, and its exploration noise.

Actions are in [-1, 1] per dimension; the env runner scales them to the Box. So the unit of noise is half
the Box's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor

from rllib_zoo.algorithms.descriptors import NOISES


class Noise:
    """Noise for N environments.

    ``gaussian``: scale · N(0, 1), independent. ``ornstein_uhlenbeck``: scale · x, where
    x ← x - θ x + σ N(0, 1) continues across episodes, as in older RLlib releases (Uhlenbeck and
    Ornstein 1930; Lillicrap et al. 2016, section 3).

    Args:
        settings: ``type`` and the keys of ``NOISES``; ``scale`` a number or a schedule over
            environment steps.
    """

    def __init__(self, settings: Mapping[str, Any]):
        options = {**NOISES[settings["type"]], **settings}
        self._is_correlated = settings["type"] == "ornstein_uhlenbeck"
        self._theta, self._sigma = options.get("theta", 0.0), options.get("sigma", 1.0)
        self._schedule = Scheduler(fixed_value_or_schedule=options["scale"])
        self.scale = float(self._schedule.update(timestep=0))
        self.state: Tensor | None = None

    def set_timestep(self, timestep: int) -> None:
        """Set the scale that the schedule has at an environment step."""
        self.scale = float(self._schedule.update(timestep=timestep))

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Noise of ``shape`` [T, N, D] or [N, D]."""
        normal = torch.randn(shape, generator=generator)
        if not self._is_correlated:
            return normal.mul_(self.scale)
        steps = normal if len(shape) == 3 else normal[None]
        state = self.state
        if state is None or state.shape != steps.shape[1:]:
            state = torch.zeros(steps.shape[1:])
        for step in steps:
            state = state - self._theta * state + self._sigma * step
            step.copy_(state)
        self.state = state
        return normal.mul_(self.scale)


class DeterministicPolicy:
    """A ``Distribution`` whose inputs are the actions themselves, [B, D].

    Attributes:
        noise_process: its noise is added to the actions.
        random: whether actions are uniformly random instead.
    """

    def __init__(self, num_dimensions: int, noise: Mapping[str, Any]):
        self._num_dimensions = num_dimensions
        self.noise_process = Noise(noise)
        self.random = False

    def num_inputs(self) -> int:
        return self._num_dimensions

    def noise(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        shape = (*batch_shape, self._num_dimensions)
        if self.random:
            return torch.rand(shape, generator=generator).mul_(2.0).sub_(1.0)
        return self.noise_process.draw(shape, generator)

    def sample(self, inputs_BK: Tensor, noise: Tensor) -> Tensor:
        return noise if self.random else (inputs_BK + noise).clamp_(-1.0, 1.0)

    def mode(self, inputs_BK: Tensor) -> Tensor:
        return inputs_BK

    def log_prob(self, inputs_BK: Tensor, *_: Tensor) -> Tensor:
        """0, as entropy and KL divergence: a deterministic policy has no density."""
        return torch.zeros(inputs_BK.shape[:-1])

    entropy = kl = log_prob
