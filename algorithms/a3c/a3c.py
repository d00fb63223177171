"""A3C: asynchronous advantage actor-critic (Mnih et al. 2016, algorithm S3; course Atari lecture).

Every runner computes gradients on its own copy of the weights; the learner applies each on
arrival and answers that runner alone with fresh weights. There is no barrier.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_zoo.algorithms.a2c import ActorCriticConfig
from rllib_zoo.algorithms.a3c.env_runner import A3CRunner, GradientMessage
from rllib_zoo.algorithms.a3c.learner import A3CLearner
from rllib_zoo.algorithms.base.algorithm import RolloutAlgorithm
from rllib_zoo.algorithms.env_runner.remote_sampling import end_runner
from rllib_zoo.envs import EnvironmentFault, environment_name


class A3CConfig(ActorCriticConfig):
    """Configuration of :class:`rllib_zoo.algorithms.a3c.a3c.A3C`.

    A gradient comes from ``rollout_fragment_length`` × ``num_envs_per_env_runner`` steps of one
    runner. With ``rollout_fragment_length: auto`` that product is ``train_batch_size``.
    """

    def __init__(self, algo_class: type | None = None):

        super().__init__(algo_class=algo_class or A3C)
        self.env_runner_cls = A3CRunner
        self.num_env_runners = 2
        self.num_envs_per_env_runner = 1
        self.rollout_fragment_length = 20
        self.train_batch_size = None
        self.min_sample_timesteps_per_iteration = 1000

    def get_default_learner_class(self) -> type:
        """RLlib's hook."""
        return A3CLearner

    def get_rollout_fragment_length(self, worker_index: int = 0) -> int:
        """T, steps per environment and gradient."""
        if self.rollout_fragment_length != "auto":
            return self.rollout_fragment_length
        return self.train_batch_size // self.num_envs_per_env_runner

    def _validate_batches(self) -> None:
        if self.num_env_runners < 1:
            raise ValueError(
                "A3C needs num_env_runners of 1 or more: its runners work beside the learner"
            )
        if self.num_learners > 1:
            raise ValueError(f"A3C has one learner; num_learners {self.num_learners} is too many")
        if self.normalize_returns:
            raise ValueError("normalize_returns is not offered: A3C's runners share no batch")
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
            raise ValueError("rollout_fragment_length 'auto' needs train_batch_size with A3C")
        if fragment == "auto" and batch % envs:
            low = max(batch // envs, 1) * envs
            raise ValueError(
                f"train_batch_size {batch} is not divisible by {envs} env(s); "
                f"nearest: {low} or {low + envs}"
            )
        if fragment != "auto" and batch not in (None, fragment * envs):
            raise ValueError(
                f"A3C's batch is rollout_fragment_length {fragment} × {envs} env(s) = "
                f"{fragment * envs} steps of one runner, but train_batch_size says {batch}: "
                "leave one of them out"
            )


__all__ = ["A3C", "A3CConfig"]

REQUEST = "a3c_gradients"
# RLlib's fetch waits for ALL requests under way or this long: a short wait keeps one slow runner
# from holding up the others, and still spares the busy loop of the A3C that RLlib retired.
POLL_SECONDS = 0.002
# Without an answer for this long, try to bring lost runners back.
HEALTH_CHECK_SECONDS = 1.0


class A3C(RolloutAlgorithm):
    """Gradients are applied in the order they arrive, one optimizer step each."""

    @classmethod
    def get_default_config(cls) -> A3CConfig:
        """RLlib's hook."""
        return A3CConfig()

    def setup(self, config: Any) -> None:
        """As RolloutAlgorithm; no request is under way yet."""
        # Before RLlib's set-up, which may restore a checkpoint with a count of its own.
        self._updates = 0
        # Runner id → number of updates the weights it computes on had seen.
        self._version_at: dict[int, int] = {}
        # Runner id → when it was last asked (monotonic seconds).
        self._asked_at: dict[int, float] = {}
        super().setup(config)

    def training_step(self) -> None:
        """Apply gradients as they arrive until the iteration has its steps."""
        wanted = max(self.config.min_sample_timesteps_per_iteration, 1)
        sampled, episodes, restarts = 0, 0, 0
        stats: list[dict[str, float]] = []
        staleness: list[int] = []
        while sampled < wanted:
            for runner_id, message in self._next_answers():
                if isinstance(message, FloatingPointError | EnvironmentFault):
                    raise self._in_iteration(message) from message
                if runner_id not in self._version_at:  # given up meanwhile
                    continue
                staleness.append(self._updates - self._version_at.pop(runner_id))
                stats.append(self._apply(message))
                sampled += message.num_steps
                episodes += len(message.episodes)
                restarts += message.env_restarts
                self._send(runner_id)
        numbers = {
            "gradient_staleness_mean": float(np.mean(staleness)),
            "gradient_staleness_max": float(np.max(staleness)),
        }
        if self.env_runner is not None:  # checkpoints and evaluation read its weights
            self._copy_to_local_runner()
        self._log_results(sampled, episodes, [*stats, numbers], restarts)

    def _next_answers(
        self,
    ) -> list[tuple[int, GradientMessage | FloatingPointError | EnvironmentFault]]:
        """Wait until one or more runners have answered.

        Raises:
            RuntimeError: nobody answered within ``sample_timeout_s``.
        """
        asked = checked = time.monotonic()
        while True:
            self._send_to_idle_runners()
            answers = self.env_runner_group.fetch_ready_async_reqs(
                tags=[REQUEST], timeout_seconds=POLL_SECONDS
            )
            self._forget_lost_requests()
            self._end_silent_runners()
            if answers:
                return answers
            now = time.monotonic()
            if now - asked > self.config.sample_timeout_s:
                raise RuntimeError(
                    f"no gradient from environment {environment_name(self.config.env)!r} arrived "
                    f"within sample_timeout_s {self.config.sample_timeout_s}; "
                    "the runners' own errors stand in the log above"
                )
            if now - checked > HEALTH_CHECK_SECONDS:
                checked = now
                self.restore_env_runners(self.env_runner_group)

    def _apply(self, message: GradientMessage) -> dict[str, float]:
        """One optimizer step."""
        timestep = self._steps_lifetime
        gradients = message.gradients
        results = self.learner_group.foreach_learner(
            lambda learner: learner.apply_gradient_arrays(gradients, timestep)
        )
        [applied] = [result.get() for result in results]
        self._updates += 1
        self._note_steps(message.num_steps, message.episodes)
        self._add_moments(message.moments)
        return {**message.stats, **applied}

    def _send_to_idle_runners(self) -> None:
        for runner_id in self.env_runner_group.healthy_env_runner_ids():
            if runner_id not in self._version_at:
                self._send(runner_id)

    def _send(self, runner_id: int) -> None:
        """Give one runner fresh weights and ask for the next gradient."""
        state = self.learner_group.get_weights()[DEFAULT_MODULE_ID]
        sent = self.env_runner_group.foreach_env_runner_async(
            "compute_gradients",
            tag=REQUEST,
            kwargs={
                "weights": state,
                "timestep": self._steps_lifetime,
                "common_moments": self.moments_state(),
            },
            remote_worker_ids=[runner_id],
        )
        if sent:
            self._version_at[runner_id] = self._updates
            self._asked_at[runner_id] = time.monotonic()

    def _end_silent_runners(self) -> None:
        """Start runners again that owe an answer for ``sample_timeout_s``; what they had is lost."""
        latest = time.monotonic() - self.config.sample_timeout_s
        for runner_id in [i for i in self._version_at if self._asked_at[i] < latest]:
            del self._version_at[runner_id]
            end_runner(self.env_runner_group, runner_id, self.config)

    def _forget_lost_requests(self) -> None:
        """Drop the requests of runners that died: once brought back, these are asked anew.

        RLlib brings them back between iterations; :meth:`_next_answers` when nobody answers.
        """
        healthy = set(self.env_runner_group.healthy_env_runner_ids())
        self._version_at = {i: v for i, v in self._version_at.items() if i in healthy}

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As RolloutAlgorithm, plus the update count."""
        return {**super().get_state(components, **kwargs), "a3c_updates": self._updates}

    def set_state(self, state: dict[str, Any]) -> None:
        """As RolloutAlgorithm; requests under way when the checkpoint was made are not repeated."""
        super().set_state(state)
        self._updates = state.get("a3c_updates", 0)
