"""torch's Adam on parameters that share one memory: seven calls a step instead of hundreds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray


class FlatAdam:
    """Takes over a ``torch.optim.Adam``: its settings, its state and what is saved of it stay torch's.

    Source: Kingma and Ba 2015, algorithm 1, in the order of operations of torch.

    Attributes:
        gradient: of all parameters in one row, to be filled through ``gradients``.
        gradients: its parts, shaped as the parameters.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]):
        """Moves the parameters (float32, on the CPU) into one memory; earlier views of them are stale."""
        self._optimizer, self._parameters = optimizer, parameters
        self._values = np.concatenate([p.detach().numpy().ravel() for p in parameters])
        self.gradient, self._mean, self._square = (np.zeros_like(self._values) for _ in range(3))
        self._room = np.empty_like(self._values)
        self.gradients = self._parts(self.gradient)
        self._means = [torch.from_numpy(part) for part in self._parts(self._mean)]
        self._squares = [torch.from_numpy(part) for part in self._parts(self._square)]
        self._steps = torch.tensor(0.0)
        for parameter, part in zip(parameters, self._parts(self._values), strict=True):
            parameter.data = torch.from_numpy(part)

    def _parts(self, flat: Array) -> list[Array]:
        ends = np.cumsum([p.numel() for p in self._parameters])[:-1]
        pairs = zip(np.split(flat, ends), self._parameters, strict=True)
        return [part.reshape(tuple(parameter.shape)) for part, parameter in pairs]

    def adopt_state(self) -> None:
        """Take the optimizer's state where it is not ours: before the first step, and after a restore."""
        for parameter, mean, square in zip(
            self._parameters, self._means, self._squares, strict=True
        ):
            state = self._optimizer.state[parameter]
            if state.get("exp_avg") is mean:
                continue
            if state:
                mean.copy_(state["exp_avg"])
                square.copy_(state["exp_avg_sq"])
                self._steps.fill_(float(state["step"]))
            state.update(step=self._steps, exp_avg=mean, exp_avg_sq=square)

    def norm(self) -> float:
        """The global L2 norm of the gradient."""
        return math.sqrt(float(self.gradient @ self.gradient))

    def step(self, scale: float = 1.0) -> None:
        """One step with the gradient times ``scale``."""
        group = self._optimizer.param_groups[0]
        (keep_mean, keep_square), gradient, room = group["betas"], self.gradient, self._room
        if scale != 1.0:
            gradient *= scale
        self._steps += 1.0
        count = float(self._steps)
        # m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
        self._mean *= keep_mean
        np.multiply(gradient, 1.0 - keep_mean, out=room)
        self._mean += room
        self._square *= keep_square
        np.multiply(gradient, gradient, out=room)
        room *= 1.0 - keep_square
        self._square += room
        # θ ← θ - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
        np.sqrt(self._square, out=room)
        room *= 1.0 / math.sqrt(1.0 - keep_square**count)
        room += group["eps"]
        np.divide(self._mean, room, out=room)
        room *= float(group["lr"]) / (1.0 - keep_mean**count)
        self._values -= room
