"""A3C's learner: gradients come from the runners."""

from __future__ import annotations

import numpy as np
import torch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_zoo.algorithms.a2c import ActorCriticLearner


class A3CLearner(ActorCriticLearner):
    """An optimizer that gradients from elsewhere are applied with."""

    def apply_gradient_arrays(self, gradients: list[np.ndarray], timestep: int) -> dict[str, float]:
        """One optimizer step with gradients computed elsewhere, in parameter order."""
        timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: timestep}
        self.before_gradient_based_update(timesteps=timesteps)
        optimizer = self.get_optimizer()
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            # Into the parameter's own memory layout: the optimizer's fused kernels ask for it.
            parameter.grad = torch.empty_like(parameter).copy_(torch.tensor(gradient))
        optimizer.step()
        self._num_updates += 1
        self._weights_seq_no += 1
        self.after_gradient_based_update(timesteps=timesteps)
        return {"curr_lr": self._current_lr()}
