"""DDPG's learner: one step of critic, actor and target networks on a replayed batch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import SampleBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch import Tensor

from rllib_zoo.algorithms.ddpg.losses import (
    actor_loss,
    critic_loss,
    l2_penalty,
    td_targets,
    update_targets,
)
from rllib_zoo.algorithms.ddpg.replay import WEIGHTS
from rllib_zoo.algorithms.ddpg.transitions import DISCOUNTS
from rllib_zoo.algorithms.learner.gradients import (
    average_gradients,
    clip_gradients,
    make_optimizer,
    require_finite,
)
from rllib_zoo.algorithms.runtime import (
    learner_cpus,
    limit_kernel_caches,
    num_threads,
    set_up_process,
)

# Names of the optimizers and of their networks.
ACTOR, CRITIC = "actor", "critic"
# Key of the TD errors of all rows, for priorities.
TD_ERRORS = "td_errors"


class DDPGLearner(TorchLearner):
    """Steps of critic, actor and target networks, in this order (Lillicrap et al. 2016, algorithm 1)."""

    def build(self) -> None:
        """As TorchLearner; also broadcasts the initial weights to all learners and target networks."""
        threads = num_threads(self.config, cpus=learner_cpus(self.config))
        set_up_process(self.config, threads=threads)
        super().build()
        self._network = self.module[DEFAULT_MODULE_ID]
        limit_kernel_caches(self._network)
        self._online, self._targets = (
            [p for part in parts for p in getattr(self._network, part).parameters()]
            for parts in ((ACTOR, CRITIC), (f"target_{ACTOR}", f"target_{CRITIC}"))
        )
        self._parameters = {
            part: list(getattr(self._network, part).parameters()) for part in (ACTOR, CRITIC)
        }
        # Looked up once: RLlib's lookup takes as long as a small layer.
        self._optimizers = {
            part: self.get_optimizer(optimizer_name=part) for part in (ACTOR, CRITIC)
        }
        if self.distributed:
            for parameter in self._online:
                torch.distributed.broadcast(parameter.data, src=0)
        update_targets(self._targets, self._online, 1.0)
        self._num_updates = 0
        self._targets_updated_at = 0

    def _make_modules_ddp_if_necessary(self) -> None:
        """RLlib's hook; no DDP wrapper, as ``average_gradients`` averages once per step."""

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Register one optimizer each for actor and critic; :meth:`update` applies their schedules."""
        for part in (ACTOR, CRITIC):
            parameters = list(getattr(self._module[module_id], part).parameters())
            self.register_optimizer(
                module_id=module_id,
                optimizer_name=part,
                optimizer=make_optimizer(parameters, config.optimizer),
                params=parameters,
                lr_or_lr_schedule=getattr(config, f"{part}_lr"),
            )

    def compute_loss_for_module(self, **_: Any) -> Tensor:
        """RLlib's hook; not used, see :meth:`update`."""
        raise NotImplementedError("DDPGLearner.update computes its losses itself")

    # --- the update ---------------------------------------------------------------------------

    def update(
        self, *, training_data: TrainingData, timesteps: Mapping[str, int], **_: Any
    ) -> dict[str, Any]:
        """One step of each network on a batch of transitions.

        Args:
            training_data: the columns of ``transitions``, [B, …], and with prioritized replay
                ``weights`` [B].
            timesteps: the lifetime step counter, for schedules.

        Returns:
            Metrics, and ``td_errors`` [B].

        Raises:
            FloatingPointError: a loss or a gradient is not finite; that step was not applied.
        """
        training_data.solve_refs()
        columns = training_data.batch[DEFAULT_MODULE_ID]
        timestep = timesteps[NUM_ENV_STEPS_SAMPLED_LIFETIME]
        learning_rates = self._apply_schedules(timestep)
        batch = {
            name: torch.from_numpy(np.asarray(columns[name])).to(self._device) for name in columns
        }
        for name in (SampleBatch.OBS, SampleBatch.NEXT_OBS):
            batch[name] = batch[name].flatten(1).float()
        where = partial(self._describe_update, timestep)
        stats, td_errors = self._critic_step(batch, where)
        stats |= self._actor_step(batch[SampleBatch.OBS], where)
        self._num_updates += 1
        self._weights_seq_no += 1
        if timestep - self._targets_updated_at >= self.config.target_network_update_freq:
            update_targets(self._targets, self._online, self.config.tau)
            self._targets_updated_at = timestep
        means = dict(zip(stats, torch.stack(list(stats.values())).tolist(), strict=True))
        return {**means, **learning_rates, TD_ERRORS: td_errors.cpu().numpy()}

    def _critic_step(
        self, batch: Mapping[str, Tensor], where: Any
    ) -> tuple[dict[str, Any], Tensor]:
        network, config = self._network, self.config
        with torch.no_grad():
            next_obs = batch[SampleBatch.NEXT_OBS]
            next_q = network.target_critic(next_obs, network.target_actor(next_obs))
            targets = td_targets(batch[SampleBatch.REWARDS], batch[DISCOUNTS], next_q)
        q_values = network.critic(batch[SampleBatch.OBS], batch[SampleBatch.ACTIONS])
        weights = batch[WEIGHTS].float() if WEIGHTS in batch else None
        threshold = config.huber_threshold if config.use_huber else None
        loss = critic_loss(q_values, targets, weights, threshold)
        norm = self._step(CRITIC, loss, where)
        td_errors = (targets - q_values).detach()
        stats = {
            "qf_loss": loss.detach(),
            "qf_mean": q_values.detach().mean(),
            "td_error_mean": td_errors.abs().mean(),
            "gradients_critic_global_norm": norm,
        }
        return stats, td_errors

    def _actor_step(self, obs: Tensor, where: Any) -> dict[str, Any]:
        loss = actor_loss(self._network.critic(obs, self._network.actor(obs)))
        norm = self._step(ACTOR, loss, where)
        return {"policy_loss": loss.detach(), "gradients_actor_global_norm": norm}

    def _step(self, part: str, loss: Tensor, where: Any) -> Tensor:
        """Compute, average, clip, check and apply the gradients of one network; returns their norm."""
        parameters, config = self._parameters[part], self.config
        total = loss
        if config.l2_reg:
            total = loss + config.l2_reg * l2_penalty(p for p in parameters if p.ndim > 1)
        # Only of these parameters: the actor's loss must not change the critic's gradients.
        gradients = torch.autograd.grad(total, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        if self.distributed:
            average_gradients(parameters)
        norm = clip_gradients(parameters, config.grad_clip, config.grad_clip_by)
        local_loss = None if self.distributed else loss
        require_finite(norm, local_loss, {f"{part} loss": loss}, where)
        self._optimizers[part].step()
        return norm.detach()

    def _describe_update(self, timestep: int) -> str:
        """Position of an update in training, for error messages."""
        return f"environment step {timestep}, update {self._num_updates}"

    def _apply_schedules(self, timestep: int) -> dict[str, float]:
        """Set the learning rates of this step; returns them."""
        rates = {}
        for part, optimizer in self._optimizers.items():
            rate = float(self._optimizer_lr_schedules[optimizer].update(timestep=timestep))
            self._set_optimizer_lr(optimizer, lr=rate)
            rates[f"curr_{part}_lr"] = rate
        return rates

    def state_tensors(self) -> list[Tensor]:
        """The actor's parameters, which the env runners use."""
        return self._parameters[ACTOR]

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As TorchLearner, with the counters."""
        state = super().get_state(components, **kwargs)
        if components is None:
            state["ddpg"] = {
                "num_updates": self._num_updates,
                "targets_moved_at": self._targets_updated_at,
            }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`get_state`."""
        super().set_state(state)
        own = state.get("ddpg", {})
        self._num_updates = own.get("num_updates", self._num_updates)
        self._targets_updated_at = own.get("targets_moved_at", self._targets_updated_at)
