"""A3C's runner: it turns its own rollouts into gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor

from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.running_moments import Moments
from rllib_zoo.algorithms.learner.batch import Batch, batch_report, critic_quality
from rllib_zoo.algorithms.learner.gradient_variance import GradientVarianceMeter
from rllib_zoo.algorithms.learner.gradients import clip_gradients, require_finite
from rllib_zoo.algorithms.learner.objectives import ActorCriticCoefficients, actor_critic_objective
from rllib_zoo.algorithms.learner.sequences import batch_for
from rllib_zoo.envs import EnvironmentFault


@dataclass
class GradientMessage:
    """What a runner sends.

    Attributes:
        gradients: one float32 array per parameter, clipped on the runner.
        num_steps: environment steps they come from.
        episodes: those that ended meanwhile.
        stats: losses and the like, scalars.
        moments: what the observation filter saw; empty without a filter.
        env_restarts: how many environments were built anew meanwhile.
    """

    gradients: list[np.ndarray]
    num_steps: int
    episodes: list[Episode]
    stats: dict[str, float]
    moments: dict[str, Moments]
    env_restarts: int = 0


class A3CRunner(VectorEnvRunner):
    """A runner that turns its own rollouts into gradients."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self._entropy_schedule = Scheduler(fixed_value_or_schedule=self.config.entropy_coeff)
        self._parameters = list(self.module.parameters())
        self._variance_meter = GradientVarianceMeter(
            self.config.gradient_variance_every,
            self.module,
            self._distribution,
            self._forward_context,
        )
        self._gradients = 0

    def compute_gradients(
        self,
        weights: dict[str, Any],
        timestep: int,
        common_moments: dict[str, dict[str, Any]] | None = None,
    ) -> GradientMessage | FloatingPointError | EnvironmentFault:
        """Adopt ``weights``, play one fragment, return the gradients of its loss.

        An environment that failed for good, or a gradient that is not finite, comes back as the
        error itself, see :meth:`VectorEnvRunner.sample_or_fault`.

        Args:
            weights: the learner's module state.
            timestep: lifetime environment steps, which schedules follow.
            common_moments: see :meth:`VectorEnvRunner.set_moments`.
        """
        self.module.set_state(weights)
        self.set_moments(common_moments or {})
        try:
            rollout, restarts = self.sample(), 0
            while rollout.num_steps == 0:  # every environment was resetting
                restarts += rollout.env_restarts
                rollout = self.sample()
            rollout.env_restarts += restarts
            return self._gradients_of(rollout, timestep)
        except (FloatingPointError, EnvironmentFault) as error:
            return error

    def _gradients_of(self, rollout: Rollout, timestep: int) -> GradientMessage:
        arrays = rollout.arrays()
        batch = batch_for(self.module, arrays, self.config, self._device).all_valid()
        coefficients = ActorCriticCoefficients(
            self.config.vf_loss_coeff * self.config.use_critic,
            self._entropy_schedule.update(timestep=timestep),
        )
        variance = self._variance_meter(batch, arrays["mask"], self._gradients)
        self._gradients += 1
        stats = self._backward(batch, coefficients)
        norm = clip_gradients(self._parameters, self.config.grad_clip, self.config.grad_clip_by)
        try:
            require_finite(
                norm,
                stats["total_loss"],
                stats,
                lambda: f"environment step {timestep}, runner {self.worker_index}",
            )
        except FloatingPointError as error:
            raise FloatingPointError(f"{error}; {batch_report(arrays, batch)}") from None
        numbers = {name: float(value) for name, value in stats.items()}
        numbers |= variance
        numbers["vf_explained_var"] = critic_quality(batch)
        numbers["entropy_coeff"] = float(coefficients.entropy_coeff)
        numbers["gradients_default_optimizer_global_norm"] = float(norm)
        return GradientMessage(
            gradients=[parameter.grad.cpu().numpy() for parameter in self._parameters],
            num_steps=rollout.num_steps,
            episodes=rollout.episodes,
            stats=numbers,
            moments=self.take_moments(),
            env_restarts=rollout.env_restarts,
        )

    def _backward(self, batch: Batch, coefficients: ActorCriticCoefficients) -> dict[str, Tensor]:
        """Put the gradients of the batch's loss into the parameters; the numbers to log."""
        for parameter in self._parameters:
            parameter.grad = None
        with self._forward_context():
            dist_inputs, values = batch.outputs(self.module)
        loss, stats = actor_critic_objective(
            self._distribution, dist_inputs.float(), values.float(), batch, coefficients
        )
        loss.backward()
        # A parameter the loss does not reach still has its place in the message.
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return stats
