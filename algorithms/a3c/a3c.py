"""A3C: asynchronous advantage actor-critic (Mnih et al. 2016, algorithm S3; course Atari lecture).

Every env runner computes gradients with its own copy of the weights; the learner applies each on
arrival and sends the current weights to that runner only. There is no barrier.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_zoo.algorithms.a2c import ActorCriticConfig, ActorCriticLearner
from rllib_zoo.algorithms.a3c.env_runner import A3CEnvRunner, GradientMessage
from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm
from rllib_zoo.algorithms.env_runner.remote_sampling import terminate_runner
from rllib_zoo.envs import environment_name

# Tag of the requests for gradients.
REQUEST = "a3c_gradients"
# RLlib's fetch waits for ALL pending requests or this long: short enough that one slow runner does not
# delay the others, without the busy loop of older RLlib releases.
POLL_SECONDS = 0.002
# Without a response for this long, try to restore lost runners.
HEALTH_CHECK_SECONDS = 1.0


class A3CLearner(ActorCriticLearner):
    """Applies gradients that the env runners computed."""

    def apply_gradient_arrays(self, gradients: list[np.ndarray], timestep: int) -> dict[str, float]:
        """One optimizer step with these gradients, one array per parameter; returns metrics."""
        timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: timestep}
        self.before_gradient_based_update(timesteps=timesteps)
        optimizer = self.get_optimizer()
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            # In the parameter's own memory layout, as the optimizer's fused kernels require.
            parameter.grad = torch.empty_like(parameter).copy_(torch.tensor(gradient))
        optimizer.step()
        self._num_updates += 1
        self._weights_seq_no += 1
        self.after_gradient_based_update(timesteps=timesteps)
        return {"curr_lr": self._current_lr()}


class A3CConfig(ActorCriticConfig):
    """Configuration of :class:`A3C`.

    A gradient is computed from ``rollout_fragment_length`` × ``num_envs_per_env_runner`` steps of one
    runner. With ``rollout_fragment_length: auto`` that product is ``train_batch_size``.
    """

    LEARNER_CLASS = A3CLearner

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or A3C)
        self.env_runner_cls = A3CEnvRunner
        self.num_env_runners = 2
        self.num_envs_per_env_runner = 1
        self.rollout_fragment_length = 20
        self.train_batch_size = None

    def get_rollout_fragment_length(self, worker_index: int = 0) -> int:
        """T, steps per environment and gradient."""
        if self.rollout_fragment_length != "auto":
            return self.rollout_fragment_length
        return self.train_batch_size // self.num_envs_per_env_runner

    def _validate_batches(self) -> None:
        if self.num_env_runners < 1:
            raise ValueError(
                "A3C requires num_env_runners of 1 or more: its env runners compute the gradients"
            )
        if self.num_learners > 1:
            raise ValueError(f"A3C supports one learner only, num_learners is {self.num_learners}")
        if self.normalize_returns:
            raise ValueError(
                "normalize_returns is not supported by A3C: its env runners share no batch"
            )
        if self.num_epochs != 1 or self.minibatch_size is not None:
            raise ValueError(
                f"A3C takes one step per gradient: num_epochs {self.num_epochs} and minibatch_size "
                f"{self.minibatch_size} do not apply"
            )
        if self._train_batch_size_per_learner is not None:
            raise ValueError(
                "train_batch_size_per_learner does not apply to A3C; it has one learner"
            )
        envs, fragment = self.num_envs_per_env_runner, self.rollout_fragment_length
        batch = self.train_batch_size
        if fragment == "auto" and batch is None:
            raise ValueError("rollout_fragment_length 'auto' requires train_batch_size with A3C")
        if fragment == "auto" and batch % envs:
            low = max(batch // envs, 1) * envs
            raise ValueError(
                f"train_batch_size {batch} is not divisible by {envs} env(s); "
                f"nearest: {low} or {low + envs}"
            )
        if fragment != "auto" and batch not in (None, fragment * envs):
            raise ValueError(
                f"A3C's batch is rollout_fragment_length {fragment} × {envs} env(s) = "
                f"{fragment * envs} steps of one runner, which conflicts with train_batch_size "
                f"{batch}: remove one of them"
            )


class A3C(RolloutAlgorithm):
    """Asynchronous advantage actor-critic: one optimizer step per gradient, in the order of arrival."""

    default_config_class = A3CConfig

    def setup(self, config: Any) -> None:
        """As RolloutAlgorithm, without pending requests."""
        # Before RLlib's setup, which may restore a checkpoint with its own count.
        self._updates = 0
        # Runner id → number of updates of the weights its pending gradient is computed with.
        self._version: dict[int, int] = {}
        # Runner id → since when training waits for its gradient (monotonic seconds).
        self._requested_at: dict[int, float] = {}
        super().setup(config)

    def training_step(self) -> None:
        """Apply gradients as they arrive until the iteration has its steps."""
        target = max(self.config.min_sample_timesteps_per_iteration, 1)
        sampled, episodes, restarts = 0, 0, 0
        stats: list[dict[str, float]] = []
        staleness: list[int] = []
        # Not since the request: an evaluation in between may take longer than sample_timeout_s.
        self._requested_at = dict.fromkeys(self._version, time.monotonic())
        while sampled < target:
            with self._iteration_in_faults():
                messages = self._wait_for_gradients()
            for runner_id, message in messages:
                if runner_id not in self._version:  # terminated meanwhile
                    continue
                staleness.append(self._updates - self._version.pop(runner_id))
                stats.append(self._apply(message))
                sampled += message.num_steps
                episodes += len(message.episodes)
                restarts += message.env_restarts
                self._request_gradient(runner_id)
        mean, longest = float(np.mean(staleness)), float(np.max(staleness))
        stats.append({"gradient_staleness_mean": mean, "gradient_staleness_max": longest})
        if self.env_runner is not None:  # checkpoints and evaluation read its weights
            self._copy_to_local_runner()
        self._log_results(sampled, episodes, stats, restarts)

    def _wait_for_gradients(self) -> list[tuple[int, GradientMessage]]:
        """Wait until one or more runners have responded.

        Raises:
            RuntimeError: no runner responded within ``sample_timeout_s``.
            Exception: whatever a runner raised.
        """
        start = last_check = time.monotonic()
        while True:
            healthy = self.env_runner_group.healthy_env_runner_ids()
            for runner_id in healthy:
                if runner_id not in self._version:
                    self._request_gradient(runner_id)
            messages = self.env_runner_group.fetch_ready_async_reqs(
                tags=[REQUEST], timeout_seconds=POLL_SECONDS
            )
            # Requests of lost runners; restored ones get a new request.
            healthy = self.env_runner_group.healthy_env_runner_ids()
            self._version = {i: v for i, v in self._version.items() if i in healthy}
            self._terminate_silent_runners()
            if messages:
                return messages
            now = time.monotonic()
            if now - start > self.config.sample_timeout_s:
                raise RuntimeError(
                    f"no gradient from environment {environment_name(self.config.env)!r} arrived "
                    f"within sample_timeout_s {self.config.sample_timeout_s}"
                )
            if now - last_check > HEALTH_CHECK_SECONDS:
                last_check = now
                self.restore_env_runners(self.env_runner_group)

    def _apply(self, message: GradientMessage) -> dict[str, float]:
        """One optimizer step; returns metrics."""
        timestep = self._steps_lifetime
        gradients = message.gradients
        results = self.learner_group.foreach_learner(
            lambda learner: learner.apply_gradient_arrays(gradients, timestep)
        )
        [stats] = [result.get() for result in results]
        self._updates += 1
        self._count_steps(message.num_steps, message.episodes)
        self._add_moments(message.moments)
        return {**message.stats, **stats}

    def _request_gradient(self, runner_id: int) -> None:
        """Send the current weights to a runner and request its next gradient."""
        weights = self.learner_group.get_weights()[DEFAULT_MODULE_ID]
        sent = self.env_runner_group.foreach_env_runner_async(
            "compute_gradients",
            tag=REQUEST,
            kwargs={
                "weights": weights,
                "timestep": self._steps_lifetime,
                "shared_moments": self.moments_state(),
            },
            remote_worker_ids=[runner_id],
        )
        if sent:
            self._version[runner_id] = self._updates
            self._requested_at[runner_id] = time.monotonic()

    def _terminate_silent_runners(self) -> None:
        """Terminate runners without a response for ``sample_timeout_s``; their gradients are lost."""
        latest = time.monotonic() - self.config.sample_timeout_s
        for runner_id in [i for i in self._version if self._requested_at[i] < latest]:
            del self._version[runner_id]
            terminate_runner(self.env_runner_group, runner_id, self.config)

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As RolloutAlgorithm, with the number of updates."""
        return {**super().get_state(components, **kwargs), "a3c_updates": self._updates}

    def set_state(self, state: dict[str, Any]) -> None:
        """As RolloutAlgorithm; requests that were pending at the checkpoint are not repeated."""
        super().set_state(state)
        self._updates = state.get("a3c_updates", 0)
