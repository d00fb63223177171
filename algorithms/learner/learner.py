"""The learner of the on-policy algorithms: epochs of minibatches over a rollout, on RLlib's Learner."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.extension import computed, own_loss
from rllib_zoo.algorithms.learner.batch import Batch, batch_report, critic_quality
from rllib_zoo.algorithms.learner.gradient_variance import GradientVarianceMeter
from rllib_zoo.algorithms.learner.gradients import (
    average_gradients,
    clip_gradients,
    make_optimizer,
    require_finite,
)
from rllib_zoo.algorithms.learner.model_columns import model_metrics, with_custom_loss
from rllib_zoo.algorithms.learner.parallel_gradients import LossFunction, parallel_gradients
from rllib_zoo.algorithms.learner.sequences import batch_for
from rllib_zoo.algorithms.ops.distributions import distribution_for
from rllib_zoo.algorithms.runtime import (
    forward_context,
    learner_cpus,
    limit_kernel_caches,
    num_threads,
    pool_for,
    set_up_process,
)

# Key in ``timesteps`` next to RLlib's step counter, for error messages only.
ITERATION = "training_iteration"


def learner_batch(rollout: Rollout) -> MultiAgentBatch:
    """A rollout as a batch that RLlib's LearnerGroup can shard.

    Env-major [N, T, …]: RLlib shards the first axis, so every remote learner gets whole
    environment columns, as advantage estimation needs.
    """
    columns = {name: array.swapaxes(0, 1) for name, array in rollout.arrays().items()}
    return MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(columns)}, env_steps=rollout.num_steps)


class OnPolicyLearner(TorchLearner):
    """K epochs of minibatches over one rollout, gradients averaged over learners.

    Subclasses implement the loss (:meth:`objective`).
    """

    def build(self) -> None:
        """As TorchLearner; also broadcasts the first learner's initial weights to all learners."""
        threads = num_threads(self.config, cpus=learner_cpus(self.config))
        set_up_process(self.config, threads=threads)
        super().build()
        self._network = self.module[DEFAULT_MODULE_ID]
        limit_kernel_caches(self._network)
        if self._network.recurrent is not None and self.config.gradient_variance_every is not None:
            raise ValueError("gradient_variance_every is not supported with recurrent networks")
        self._distribution = distribution_for(self._network.action_space)
        self._own_loss = own_loss(self.config)
        self._entropy_schedule = Scheduler(fixed_value_or_schedule=self.config.entropy_coeff)
        self._generator = torch.Generator().manual_seed(self._shuffle_seed())
        self._num_updates = 0
        self._lr_timestep: int | None = None
        self._forward_context = forward_context(self.config.autocast, self._device)
        self._variance_meter = GradientVarianceMeter(
            self.config.gradient_variance_every,
            self._network,
            self._distribution,
            self._forward_context,
        )
        self._pool = pool_for(self._device, threads)
        # Looked up once: walking the module tree takes longer than a small minibatch's loss.
        self._parameters = list(self._network.parameters())
        if self.distributed:
            for parameter in self._parameters:
                torch.distributed.broadcast(parameter.data, src=0)

    def _shuffle_seed(self) -> int:
        seed = self.config.seed
        entropy = [seed, self._learner_index, 7] if seed is not None else None
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _make_modules_ddp_if_necessary(self) -> None:
        """RLlib's hook; no DDP wrapper, as ``average_gradients`` averages once per step."""

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Register the configured optimizer; RLlib applies the learning rate schedule to it."""
        module = self._module[module_id]
        parameters = self.get_parameters(module)
        self.register_optimizer(
            module_id=module_id,
            optimizer=make_optimizer(parameters, config.optimizer),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )

    @abc.abstractmethod
    def objective(
        self, dist_inputs_BK: Tensor, values_B: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a minibatch of valid steps, a scalar, and metrics."""

    def _loss(
        self, dist_inputs_BK: Tensor, values_B: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective, or the loss that the algorithm's class sets instead."""
        if self._own_loss is None:
            return self.objective(dist_inputs_BK, values_B, batch)
        given = (self._distribution, dist_inputs_BK, values_B, batch, self.config)
        return computed(self._own_loss, *given, self.entropy_coeff)

    def compute_loss_for_module(self, **_: Any) -> Tensor:
        """RLlib's hook; not used, see :meth:`objective`."""
        raise NotImplementedError("OnPolicyLearner.update computes its loss through objective()")

    # --- the update ---------------------------------------------------------------------------

    def update(
        self, *, training_data: TrainingData, timesteps: Mapping[str, int], **_: Any
    ) -> dict[str, float]:
        """One update on a rollout.

        Args:
            training_data: the batch of :func:`learner_batch` (or this learner's shard of it).
            timesteps: the lifetime step counter, for schedules.

        Returns:
            Metrics, averaged over minibatches.

        Raises:
            FloatingPointError: the loss or a gradient is not finite; that minibatch was not applied.
                The message describes the update and the batch.
        """
        training_data.solve_refs()
        self.before_gradient_based_update(timesteps=timesteps)
        columns = training_data.batch[DEFAULT_MODULE_ID]
        arrays = {name: np.asarray(columns[name]).swapaxes(0, 1) for name in columns}
        self.entropy_coeff = self._entropy_schedule.update(
            timestep=timesteps[NUM_ENV_STEPS_SAMPLED_LIFETIME]
        )
        batch = batch_for(self._network, arrays, self.config, self._device)
        variance = self._variance_meter(batch, arrays["mask"], self._weights_seq_no)
        try:
            stats = self._run_minibatches(batch, timesteps)
        except FloatingPointError as error:
            raise FloatingPointError(f"{error}; {batch_report(arrays, batch)}") from None
        stats["vf_explained_var"] = critic_quality(batch)
        stats["entropy_coeff"] = float(self.entropy_coeff)
        stats["curr_lr"] = self._current_lr()
        stats |= variance | self.after_minibatches(stats)
        self._weights_seq_no += 1
        self.after_gradient_based_update(timesteps=timesteps)
        return stats

    def after_minibatches(self, stats: dict[str, float]) -> dict[str, float]:
        """Hook for adaptive coefficients; returns further metrics."""
        return {}

    def diagnostics(self, dist_inputs_BK: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Further metrics, computed on the last epoch's minibatches only."""
        return {}

    def _run_minibatches(self, batch: Batch, timesteps: Mapping[str, int]) -> dict[str, float]:
        """K epochs; every metric averaged over the minibatches that report it."""
        collected: dict[str, list[Tensor | float]] = {}
        generator = self._generator if self.config.shuffle_batch_per_epoch else None
        size = self.config.minibatch_size
        # Of all rows, also masked ones, so that all learners take the same number of gradient steps.
        number = 1 if size is None else max(-(-batch.num_rows // size), 1)
        for epoch in range(self.config.num_epochs):
            last = epoch == self.config.num_epochs - 1
            parts = batch.minibatches(number, generator, distributed=self.distributed)
            for index, rows in enumerate(parts, 1):
                where = partial(self._describe_update, timesteps, epoch + 1, index)
                for name, value in self._gradient_step(rows, where, diagnose=last).items():
                    collected.setdefault(name, []).append(value)
        means = [torch.stack(list(map(torch.as_tensor, v))).mean() for v in collected.values()]
        return dict(zip(collected, torch.stack(means).tolist(), strict=True))

    def _describe_update(self, timesteps: Mapping[str, int], epoch: int, minibatch: int) -> str:
        """Position of a gradient step in training, for error messages."""
        iteration = timesteps.get(ITERATION)
        return (
            f"environment step {timesteps[NUM_ENV_STEPS_SAMPLED_LIFETIME]}"
            + (f", iteration {iteration}" if iteration is not None else "")
            + f", epoch {epoch}, minibatch {minibatch}, update {self._num_updates}"
        )

    def _gradient_step(
        self, batch: Batch, where: Callable[[], str], *, diagnose: bool
    ) -> Mapping[str, Tensor | float]:
        """Forward, backward, average, clip, check, step; ``where`` describes the step for errors."""

        def loss_of(rows: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            with self._forward_context():
                dist_inputs, values = rows.outputs(self._network)
            dist_inputs, values = dist_inputs.float(), values.float()
            loss, stats = self._loss(dist_inputs, values, rows)
            loss, stats = with_custom_loss(self._network, loss, stats, rows)
            return loss, {**stats, **self.diagnostics(dist_inputs, rows)} if diagnose else stats

        stats = self.gradients(loss_of, batch)
        parameters = [p for p in self._parameters if p.grad is not None]
        if self.distributed:
            average_gradients(parameters)
        norm = clip_gradients(parameters, self.config.grad_clip, self.config.grad_clip_by)
        loss = None if self.distributed else stats["total_loss"]
        require_finite(norm, loss, stats, where)
        self.get_optimizer().step()
        self._num_updates += 1
        stats["gradients_default_optimizer_global_norm"] = norm.detach()
        return {**stats, **model_metrics(self._network)}

    def gradients(self, loss_of: LossFunction, batch: Batch) -> dict[str, Tensor]:
        """Set the parameters' ``grad`` to the gradients of a minibatch's loss; returns its metrics."""
        # A custom model may keep tensors of its last forward pass for its loss.
        if self._pool is not None and not self._network.has_custom_loss:
            return parallel_gradients(self._pool, loss_of, batch, self._parameters)
        for parameter in self._parameters:
            parameter.grad = None
        loss, stats = loss_of(batch)
        loss.backward()
        return stats

    def state_tensors(self) -> list[Tensor]:
        """The network's parameters and buffers (no copies), in the module's order."""
        return [*self._parameters, *self._network.buffers()]

    def after_gradient_based_update(self, *, timesteps: Mapping[str, int]) -> None:
        """As TorchLearner, which sets the next learning rate; stores its timestep."""
        super().after_gradient_based_update(timesteps=timesteps)
        self._lr_timestep = timesteps.get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0)

    def _current_lr(self) -> float:
        return float(self.get_optimizer().param_groups[0]["lr"])

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As TorchLearner, and without ``components`` also what an exact resume needs."""
        state = super().get_state(components, **kwargs)
        if components is None:
            state["on_policy"] = self.extra_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """As TorchLearner, plus :meth:`extra_state`."""
        super().set_state(state)
        if "on_policy" in state:
            self.set_extra_state(state["on_policy"])

    def extra_state(self) -> dict[str, Any]:
        """The generator for shuffling, and counters."""
        return {
            "generator": self._generator.get_state(),
            "num_updates": self._num_updates,
            "lr_timestep": self._lr_timestep,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`extra_state`."""
        self._generator.set_state(state["generator"])
        self._num_updates = state["num_updates"]
        self._lr_timestep = state.get("lr_timestep")
        if self._lr_timestep is not None:
            # The optimizer's state holds the saved run's learning rate; this run's schedule applies.
            for optimizer, schedule in self._optimizer_lr_schedules.items():
                self._set_optimizer_lr(optimizer, lr=schedule.update(timestep=self._lr_timestep))
