"""Base class of the algorithms that sample rollouts: training loop, results, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.utils import metrics as keys

from rllib_zoo.algorithms.base.checkpoints import ChecksummedCheckpoints
from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.algorithms.base.evaluation_once import ReportsEvaluationOnce
from rllib_zoo.algorithms.base.monotonic_time import MonotonicTime
from rllib_zoo.algorithms.base.process_reuse import StartsAnew
from rllib_zoo.algorithms.base.result_names import with_legacy_names
from rllib_zoo.algorithms.env_runner.episodes import Episode, EpisodeWindow
from rllib_zoo.algorithms.env_runner.remote_sampling import RemoteSampling
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.runner_errors import runner_errors_raised
from rllib_zoo.algorithms.env_runner.running_moments import FILTER, RETURNS, Moments, SharedMoments
from rllib_zoo.algorithms.extension import Extensible
from rllib_zoo.algorithms.learner.learner import ITERATION, learner_batch
from rllib_zoo.envs import EnvironmentFault

# Pause between two health checks of lost runners, as a multiple of what the last one took.
PAUSE_PER_HEALTH_CHECK = 10


class RolloutAlgorithm(
    Extensible, MonotonicTime, ChecksummedCheckpoints, ReportsEvaluationOnce, StartsAnew, Algorithm
):
    """Synchronous sampling and learning.

    DDPG overrides :meth:`_learn_from`, PG :meth:`_sample_batch`, A3C :meth:`training_step`. Lifetime
    counts are kept here, not in the env runners, so that none are lost with a runner.
    """

    def setup(self, config: Any) -> None:
        """As RLlib, with this project's counters."""
        # Id of a runner group → time of its next health check (monotonic seconds).
        self._next_health_check: dict[int, float] = {}
        with runner_errors_raised(config["env"]):
            super().setup(config)
        self._remote_sampling = RemoteSampling(self.config)
        self._window = EpisodeWindow(self.config.metrics_num_episodes_for_smoothing)
        self._moments = self._make_moments()
        self._env_restarts = 0
        self._logged_at = time.monotonic()
        self._frames_per_step = frames_per_step(self.config)
        if self.config.restore_from is not None:
            self.restore_from_path(self.config.restore_from)

    def _make_moments(self) -> dict[str, SharedMoments]:
        """Shared moments of observation filter and return normalization, of those that are on."""
        moments = {}
        if self.config.observation_filter == "MeanStdFilter":
            moments[FILTER] = SharedMoments(self.spaces[DEFAULT_MODULE_ID][0].shape)
        if self.config.normalize_returns:
            moments[RETURNS] = SharedMoments(())
        return moments

    # --- one training step --------------------------------------------------------------------

    def training_step(self) -> None:
        """Sample a train batch, update, synchronize the weights, until the iteration has its steps."""
        target = max(self.config.min_sample_timesteps_per_iteration, 1)
        sampled, episodes, restarts, stats = 0, 0, 0, []
        while sampled < target:
            with self.metrics.log_time((keys.TIMERS, keys.ENV_RUNNER_SAMPLING_TIMER)):
                rollout = self._sample_batch()
            restarts += rollout.env_restarts
            if rollout.num_steps == 0:  # every environment was resetting
                continue
            self._count_steps(rollout.num_steps, rollout.episodes)
            sampled += rollout.num_steps
            episodes += len(rollout.episodes)
            stats.extend(self._learn_from(rollout))
        self._log_results(sampled, episodes, stats, restarts)

    def _learn_from(self, rollout: Rollout) -> list[dict[str, float]]:
        """One update, with the new weights sent to the env runners; returns metrics."""
        batch = learner_batch(rollout)
        with self.metrics.log_time((keys.TIMERS, keys.LEARNER_UPDATE_TIMER)):
            stats = self.learner_group.update(batch=batch, timesteps=self._timesteps())
        self._sync_weights()
        return list(stats)

    def _sample_batch(self) -> Rollout:
        """A train batch: the same number of fragments from every runner."""
        rounds = self.config.rollouts_per_batch
        # The local runner overwrites its buffers in the next round.
        must_copy = rounds > 1 and self.env_runner_group.num_remote_env_runners() == 0
        parts: list[Rollout] = []
        for _ in range(rounds):
            rollouts = self._sample_round()
            parts.extend([rollout.copy() for rollout in rollouts] if must_copy else rollouts)
        self._merge_moments()
        return Rollout.concatenate(parts)

    def _sample_round(self) -> list[Rollout]:
        """One fragment from the local runner (its buffers) or every remote runner that responds in time.

        Raises:
            RuntimeError: no runner responded within ``sample_timeout_s``.
            Exception: whatever a runner raised (``runner_errors.py``).
        """
        group = self.env_runner_group
        with self._iteration_in_faults():
            if group.num_remote_env_runners() == 0:
                return [self.env_runner.sample()]
            return self._remote_sampling.sample(group, lambda: self.restore_env_runners(group))

    @contextmanager
    def _iteration_in_faults(self) -> Iterator[None]:
        """Add the iteration and the lifetime steps to the message of this project's own errors."""
        try:
            yield
        except (EnvironmentFault, FloatingPointError) as error:
            when = f"iteration {self.iteration + 1}, after {self._steps_lifetime} environment steps"
            raise type(error)(f"{error}; in {when}") from error

    def _sync_weights(self) -> None:
        """Send the learner's weights to every env runner, including the local one."""
        with self.metrics.log_time((keys.TIMERS, keys.SYNCH_WORKER_WEIGHTS_TIMER)):
            if self.env_runner is not None:
                self._copy_to_local_runner()
            if self.env_runner_group.num_remote_env_runners():
                self.env_runner_group.sync_weights(
                    from_worker_or_learner_group=self.learner_group,
                    policies=[DEFAULT_MODULE_ID],
                    # A late runner sets them before its next sample: calls are executed in order.
                    timeout_seconds=self.config.sample_timeout_s,
                )

    def _copy_to_local_runner(self) -> None:
        """Send the weights to the local runner; from tensor to tensor with a local learner."""
        if self.learner_group.is_local:
            # State dicts would take 8 % of an A2C update on CartPole.
            [source] = self.learner_group.foreach_learner(lambda learner: learner.state_tensors())
            self.env_runner.copy_weights(source.get())
        else:
            self.env_runner.set_state({COMPONENT_RL_MODULE: self.learner_group.get_weights()})

    def _merge_moments(self) -> None:
        """Merge the moments that all runners collected and send them the result."""
        if not self._moments:
            return
        foreach_runner = partial(
            self.env_runner_group.foreach_env_runner, timeout_seconds=self.config.sample_timeout_s
        )
        for collected in foreach_runner(lambda runner: runner.take_moments()):
            self._add_moments(collected)
        states = self.moments_state()
        foreach_runner(lambda runner: runner.set_moments(states))

    def _add_moments(self, collected: Mapping[str, Moments]) -> None:
        """Add the moments that one runner collected."""
        for name, moments in collected.items():
            self._moments[name].merge(moments)

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """As RLlib, which checks the health of lost runners before every iteration, but less often.

        A failed health check takes seconds while a machine is lost. While other runners are healthy,
        the next one is made after ten times as long.
        """
        group, start = id(env_runner_group), time.monotonic()
        is_too_early = start < self._next_health_check.get(group, 0.0)
        if is_too_early and env_runner_group.num_healthy_remote_workers():
            return []
        restored = super().restore_env_runners(env_runner_group)
        pause = (time.monotonic() - start) * PAUSE_PER_HEALTH_CHECK
        self._next_health_check[group] = 0.0 if restored else start + pause
        return list(restored)

    # --- results ------------------------------------------------------------------------------

    @property
    def _steps_lifetime(self) -> int:
        """Environment steps since the beginning of training."""
        return int(
            self.metrics.peek(
                (keys.ENV_RUNNER_RESULTS, keys.NUM_ENV_STEPS_SAMPLED_LIFETIME), default=0
            )
        )

    def _timesteps(self) -> dict[str, int]:
        return {
            keys.NUM_ENV_STEPS_SAMPLED_LIFETIME: self._steps_lifetime,
            ITERATION: self.iteration + 1,
        }

    def _count_steps(self, steps: int, episodes: Iterable[Episode]) -> None:
        self.metrics.log_value(
            (keys.ENV_RUNNER_RESULTS, keys.NUM_ENV_STEPS_SAMPLED_LIFETIME),
            steps,
            reduce="lifetime_sum",
        )
        self._window.extend(episodes)

    def count_env_restarts(self, number: int) -> None:
        """Count restarted environments, of training or evaluation."""
        self._env_restarts += number

    def _log_results(
        self, steps: int, episodes: int, stats: list[dict[str, float]], restarts: int
    ) -> None:
        """Log an iteration's results under RLlib's names."""
        self.count_env_restarts(restarts)
        now = time.monotonic()
        rate = steps / max(now - self._logged_at, 1e-9)
        self._logged_at = now
        runner_results: dict[str, float] = {
            **self._window.summary(),
            "num_episodes": episodes,
            "num_episodes_lifetime": self._window.num_lifetime,
            "num_env_steps_sampled": steps,
            "num_frames_sampled_lifetime": self._steps_lifetime * self._frames_per_step,
            "num_env_steps_sampled_per_second": rate,
            "num_env_restarts": restarts,
            "num_env_restarts_lifetime": self._env_restarts,
        }
        results: dict[tuple[str, ...], float] = {
            (keys.ENV_RUNNER_RESULTS, name): value for name, value in runner_results.items()
        }
        for name, value in averaged(stats).items():
            results[(keys.LEARNER_RESULTS, DEFAULT_MODULE_ID, *name.split("/"))] = value
        for key, value in results.items():
            self.metrics.log_value(key, value, reduce="item", window=None)

    def step(self) -> dict[str, Any]:
        """One iteration's result, with the legacy names for older tools and stop rules."""
        return with_legacy_names(super().step())

    def moments_state(self) -> dict[str, dict[str, Any]]:
        """The shared moments of observation filter and return normalization, of those that are on."""
        return {name: moments.state() for name, moments in self._moments.items()}

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As RLlib, with counters, episode window and shared moments."""
        state = super().get_state(components, **kwargs)
        state["on_policy"] = {
            "window": self._window.state(),
            FILTER: None,
            RETURNS: None,
            **self.moments_state(),
            "env_restarts": self._env_restarts,
        }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`get_state`."""
        super().set_state(state)
        own = state.get("on_policy")
        if own is None:
            return
        self._window.set_state(own["window"])
        self._env_restarts = own.get("env_restarts", 0)
        saved = {name: own[name] for name in self._moments if own.get(name) is not None}
        for name, moments in saved.items():
            self._moments[name].set_state(moments)
        if saved:
            self.env_runner_group.foreach_env_runner(lambda runner: runner.set_moments(saved))


def averaged(stats: list[dict[str, float]]) -> dict[str, float]:
    """Each metric's mean over the updates and learners that report it."""
    names = dict.fromkeys(name for entry in stats for name in entry)
    return {
        name: float(np.mean([entry[name] for entry in stats if name in entry])) for name in names
    }
