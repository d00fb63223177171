"""A deterministic policy over a Box, and the noise it explores with.

Actions are those the policy gives: in [-1, 1] per dimension, stretched to the Box by the runner. So
noise has the unit of half the Box's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor

# Kind of noise → its keys beside `type`, and their defaults. Deviations of Lillicrap et al. 2016,
# section 7, for the Ornstein-Uhlenbeck process.
NOISES: dict[str, dict[str, Any]] = {
    "gaussian": {"scale": 0.1},
    "ornstein_uhlenbeck": {"scale": 1.0, "theta": 0.15, "sigma": 0.2},
}


class Noise:
    """Noise of N environments, step by step.

    ``gaussian``: scale · N(0, 1), independent. ``ornstein_uhlenbeck``: scale · x, where
    x ← x - θ x + σ N(0, 1) goes on through episodes' ends, as the retired RLlib's did (Uhlenbeck and
    Ornstein 1930; Lillicrap et al. 2016, section 3).

    Args:
        settings: ``type`` and the keys of ``NOISES``; ``scale`` a number or a schedule over
            environment steps.
    """

    def __init__(self, settings: Mapping[str, Any]):
        given = {**NOISES[settings["type"]], **settings}
        self._remembers = settings["type"] == "ornstein_uhlenbeck"
        self._theta, self._sigma = given.get("theta", 0.0), given.get("sigma", 1.0)
        self._schedule = Scheduler(fixed_value_or_schedule=given["scale"])
        self.scale = float(self._schedule.update(timestep=0))
        self.state: Tensor | None = None

    def at(self, timestep: int) -> None:
        """Set the scale to that of an environment step."""
        self.scale = float(self._schedule.update(timestep=timestep))

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """[T, N, D] or [N, D]."""
        normal = torch.randn(shape, generator=generator)
        if not self._remembers:
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
    """What runners ask of a distribution (:class:`rllib_zoo.algorithms.ops.distributions.Distribution`).

    Dist inputs are the actions themselves, [B, D].

    Attributes:
        noise_process: added to them.
        random: actions are uniform instead, whatever the network says.
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

    def log_prob(self, inputs_BK: Tensor, actions: Tensor) -> Tensor:
        """0: a deterministic policy has no density."""
        return torch.zeros(inputs_BK.shape[:-1])

    def entropy(self, inputs_BK: Tensor) -> Tensor:
        """0, likewise."""
        return torch.zeros(inputs_BK.shape[:-1])

    def kl(self, inputs_p_BK: Tensor, inputs_q_BK: Tensor) -> Tensor:
        """0, likewise."""
        return torch.zeros(inputs_p_BK.shape[:-1])
