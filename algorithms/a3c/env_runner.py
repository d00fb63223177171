"""A3C's env runner: it computes gradients from its own rollouts."""

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
from rllib_zoo.algorithms.extension import computed, own_loss
from rllib_zoo.algorithms.learner.batch import Batch, batch_report, critic_quality
from rllib_zoo.algorithms.learner.gradient_variance import GradientVarianceMeter
from rllib_zoo.algorithms.learner.gradients import clip_gradients, require_finite
from rllib_zoo.algorithms.learner.model_columns import model_metrics, with_custom_loss
from rllib_zoo.algorithms.learner.objectives import actor_critic_objective
from rllib_zoo.algorithms.learner.sequences import batch_for


@dataclass
class GradientMessage:
    """A gradient and the statistics of its rollout.

    Attributes:
        gradients: one float32 array per parameter, clipped on the runner.
        num_steps: environment steps of the rollout.
        episodes: those that ended in it.
        stats: losses and other metrics.
        moments: collected by the observation filter; empty without a filter.
        env_restarts: number of environments restarted during it.
    """

    gradients: list[np.ndarray]
    num_steps: int
    episodes: list[Episode]
    stats: dict[str, float]
    moments: dict[str, Moments]
    env_restarts: int = 0


class A3CEnvRunner(VectorEnvRunner):
    """An env runner that computes gradients from its own rollouts."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self._own_loss = own_loss(self.config)
        self._entropy_schedule = Scheduler(fixed_value_or_schedule=self.config.entropy_coeff)
        self._parameters = list(self.module.parameters())
        self._variance_meter = GradientVarianceMeter(
            self.config.gradient_variance_every,
            self.module,
            self._distribution,
            self._forward_context,
        )
        self._num_gradients = 0

    def compute_gradients(
        self,
        weights: dict[str, Any],
        timestep: int,
        shared_moments: dict[str, dict[str, Any]] | None = None,
    ) -> GradientMessage:
        """Set ``weights``, sample one fragment and compute the gradients of its loss.

        Args:
            weights: the learner's module state.
            timestep: lifetime environment steps, for schedules.
            shared_moments: see ``VectorEnvRunner.set_moments``.

        Raises:
            EnvironmentFault: as :meth:`sample`.
            FloatingPointError: as :meth:`sample`; or a gradient is not finite.
        """
        self.module.set_state(weights)
        self.set_moments(shared_moments or {})
        rollout, restarts = self.sample(), 0
        while rollout.num_steps == 0:  # every environment was resetting
            restarts += rollout.env_restarts
            rollout = self.sample()
        rollout.env_restarts += restarts
        return self._gradients_of(rollout, timestep)

    def _gradients_of(self, rollout: Rollout, timestep: int) -> GradientMessage:
        arrays = rollout.arrays()
        batch = batch_for(self.module, arrays, self.config, self._device).all_valid()
        entropy_coeff = self._entropy_schedule.update(timestep=timestep)
        variance = self._variance_meter(batch, arrays["mask"], self._num_gradients)
        self._num_gradients += 1
        stats = self._backward(batch, entropy_coeff)
        norm = clip_gradients(self._parameters, self.config.grad_clip, self.config.grad_clip_by)
        try:
            where = f"environment step {timestep}, runner {self.worker_index}"
            require_finite(norm, stats["total_loss"], stats, lambda: where)
        except FloatingPointError as error:
            raise FloatingPointError(f"{error}; {batch_report(arrays, batch)}") from None
        metrics = {name: float(value) for name, value in stats.items()}
        metrics |= variance
        metrics["vf_explained_var"] = critic_quality(batch)
        metrics["entropy_coeff"] = float(entropy_coeff)
        metrics["gradients_default_optimizer_global_norm"] = float(norm)
        return GradientMessage(
            gradients=[parameter.grad.cpu().numpy() for parameter in self._parameters],
            num_steps=rollout.num_steps,
            episodes=rollout.episodes,
            stats=metrics,
            moments=self.take_moments(),
            env_restarts=rollout.env_restarts,
        )

    def _backward(self, batch: Batch, entropy_coeff: float) -> dict[str, Tensor]:
        """Set the parameters' ``grad`` to the gradients of the batch's loss; returns its metrics."""
        for parameter in self._parameters:
            parameter.grad = None
        with self._forward_context():
            dist_inputs, values = batch.outputs(self.module)
        given = (self._distribution, dist_inputs.float(), values.float(), batch)
        if self._own_loss is not None:
            loss, stats = computed(self._own_loss, *given, self.config, entropy_coeff)
        else:
            loss, stats = actor_critic_objective(
                *given,
                vf_loss_coeff=self.config.vf_loss_coeff * self.config.use_critic,
                entropy_coeff=entropy_coeff,
            )
        loss, stats = with_custom_loss(self.module, loss, stats, batch)
        loss.backward()
        # The message has an array for every parameter, also for those without a gradient.
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return {**stats, **model_metrics(self.module)}
