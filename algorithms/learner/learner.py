"""OnPolicyLearner: from a rollout to new weights, on RLlib's Learner."""

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
from rllib_zoo.algorithms.learner.batch import Batch, batch_report, critic_quality
from rllib_zoo.algorithms.learner.gradient_variance import GradientVarianceMeter
from rllib_zoo.algorithms.learner.gradients import average_gradients, clip_gradients, require_finite
from rllib_zoo.algorithms.learner.minibatches import minibatches
from rllib_zoo.algorithms.learner.optimizers import make_optimizer
from rllib_zoo.algorithms.learner.parallel_gradients import LossFunction, ParallelGradients
from rllib_zoo.algorithms.learner.sequences import batch_for
from rllib_zoo.algorithms.ops.distributions import distribution_for
from rllib_zoo.algorithms.runtime import (
    forward_context,
    learner_cpus,
    num_threads,
    set_up_process,
    team_of,
)

# Beside RLlib's step counter in ``timesteps``; no schedule follows it.
ITERATION = "training_iteration"


def learner_batch(rollout: Rollout) -> MultiAgentBatch:
    """A rollout in the wrapping RLlib's LearnerGroup can split.

    Env-major [N, T, …]: RLlib shards the first axis, so every remote learner gets whole
    environment columns and advantages stay valid.
    """
    columns = {name: array.swapaxes(0, 1) for name, array in rollout.arrays().items()}
    return MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(columns)}, env_steps=rollout.num_steps)


class OnPolicyLearner(TorchLearner):
    """K epochs of minibatches over one rollout, gradients averaged over learners.

    Subclasses say what is minimised (:meth:`objective`).
    """

    def build(self) -> None:
        """As TorchLearner, plus equal first weights on all learners."""
        threads = num_threads(self.config, cpus=learner_cpus(self.config))
        set_up_process(self.config, threads=threads)
        super().build()
        self._network = self.module[DEFAULT_MODULE_ID]
        if self._network.recurrent is not None and self.config.gradient_variance_every is not None:
            raise ValueError("gradient_variance_every is not offered with recurrent networks")
        self._distribution = distribution_for(self._network.action_space)
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
        self._parallel: ParallelGradients | None = None
        if self._device.type == "cpu" and (threads or 1) > 1:
            self._parallel = ParallelGradients(team_of(threads))
        # Walking the module tree takes longer than a small minibatch's loss: walk it once.
        self._parameters = list(self._network.parameters())
        if self.distributed:
            for parameter in self._parameters:
                torch.distributed.broadcast(parameter.data, src=0)

    def _shuffle_seed(self) -> int:
        seed = self.config.seed
        entropy = [seed, self._learner_index, 7] if seed is not None else None
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _make_modules_ddp_if_necessary(self) -> None:
        """No wrapper: :meth:`_average_over_learners` averages gradients once per step."""

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Register the configured optimizer; RLlib applies the lr schedule to it."""
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
        """The scalar to minimise on a minibatch of valid steps, and numbers to log."""

    def compute_loss_for_module(self, **_: Any) -> Tensor:
        """RLlib's per-module hook; this learner's loss is :meth:`objective`."""
        raise NotImplementedError("OnPolicyLearner.update computes its loss through objective()")

    # --- the update ---------------------------------------------------------------------------

    def update(
        self,
        *,
        training_data: TrainingData,
        timesteps: Mapping[str, int],
        **_: Any,
    ) -> dict[str, float]:
        """One update on a rollout.

        Args:
            training_data: holds :func:`learner_batch` (or this learner's share of its columns).
            timesteps: the lifetime step counter that schedules follow.

        Returns:
            Numbers to log, averaged over minibatches.

        Raises:
            FloatingPointError: the loss or a gradient is not finite; weights are untouched by the
                offending minibatch. The one line names it and describes the batch.
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
        """A hook for adaptive coefficients; returns more numbers to log."""
        return {}

    def diagnostics(self, dist_inputs_BK: Tensor, batch: Batch) -> dict[str, Tensor]:
        """More numbers to log, from the last epoch's minibatches only: they cost time."""
        return {}

    def _run_minibatches(self, batch: Batch, timesteps: Mapping[str, int]) -> dict[str, float]:
        """K epochs; every number averaged over the minibatches that report it."""
        collected: dict[str, list[Tensor | float]] = {}
        shuffler = self._generator if self.config.shuffle_batch_per_epoch else None
        for epoch in range(self.config.num_epochs):
            last = epoch == self.config.num_epochs - 1
            parts = minibatches(
                batch, self.config.minibatch_size, shuffler, distributed=self.distributed
            )
            for number, rows in enumerate(parts, 1):
                where = partial(self._place, timesteps, epoch + 1, number)
                for name, value in self._gradient_step(rows, where, diagnose=last).items():
                    collected.setdefault(name, []).append(value)
        means = [torch.stack(list(map(torch.as_tensor, v))).mean() for v in collected.values()]
        return dict(zip(collected, torch.stack(means).tolist(), strict=True))

    def _place(self, timesteps: Mapping[str, int], epoch: int, minibatch: int) -> str:
        """Which update it is, in words."""
        iteration = timesteps.get(ITERATION)
        return (
            f"environment step {timesteps[NUM_ENV_STEPS_SAMPLED_LIFETIME]}"
            + (f", iteration {iteration}" if iteration is not None else "")
            + f", epoch {epoch}, minibatch {minibatch}, update {self._num_updates}"
        )

    def _gradient_step(
        self, batch: Batch, where: Callable[[], str], *, diagnose: bool
    ) -> Mapping[str, Tensor | float]:
        """Forward, backward, average, clip, check, step; ``where`` says which step it is."""

        def loss_of(rows: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            with self._forward_context():
                dist_inputs, values = rows.outputs(self._network)
            dist_inputs, values = dist_inputs.float(), values.float()
            loss, stats = self.objective(dist_inputs, values, rows)
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
        return stats

    def gradients(self, loss_of: LossFunction, batch: Batch) -> dict[str, Tensor]:
        """Put the gradients of a minibatch's loss into the parameters; the numbers to log."""
        if self._parallel is not None:
            return self._parallel(loss_of, batch, self._parameters)
        for parameter in self._parameters:
            parameter.grad = None
        loss, stats = loss_of(batch)
        loss.backward()
        return stats

    def state_tensors(self) -> list[Tensor]:
        """The network's parameters and buffers themselves, in the module's order."""
        return [*self._parameters, *self._network.buffers()]

    def after_gradient_based_update(self, *, timesteps: Mapping[str, int]) -> None:
        """As TorchLearner, which sets the next rate; when that was is kept."""
        super().after_gradient_based_update(timesteps=timesteps)
        self._lr_timestep = timesteps.get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0)

    def _current_lr(self) -> float:
        return float(self.get_optimizer().param_groups[0]["lr"])

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As TorchLearner, plus what an exact resume needs when everything is asked for."""
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
        """The shuffling generator and counters."""
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
            # The optimizer's state brought the rate of the run that was saved; ours is configured.
            for optimizer, schedule in self._optimizer_lr_schedules.items():
                self._set_optimizer_lr(optimizer, lr=schedule.update(timestep=self._lr_timestep))
