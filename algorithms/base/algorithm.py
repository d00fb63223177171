"""What the algorithms that sample rollouts share: the loop, bookkeeping, results, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    ENV_RUNNER_SAMPLING_TIMER,
    LEARNER_RESULTS,
    LEARNER_UPDATE_TIMER,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    SYNCH_WORKER_WEIGHTS_TIMER,
    TIMERS,
)

from rllib_zoo.algorithms.base.checkpoints import SealedCheckpoints
from rllib_zoo.algorithms.base.config_once import SendsConfigOnce
from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.algorithms.base.result_names import with_retired_names
from rllib_zoo.algorithms.env_runner.episodes import Episode, EpisodeWindow
from rllib_zoo.algorithms.env_runner.remote_sampling import RemoteSampling
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.running_moments import FILTER, RETURNS, CommonMoments, Moments
from rllib_zoo.algorithms.learner.learner import ITERATION, learner_batch

# Share of time that may go into asking lost runners: one in so many.
SILENCE_PER_PROBE = 10


class RolloutAlgorithm(SealedCheckpoints, SendsConfigOnce, Algorithm):
    """Synchronous sampling and learning.

    DDPG replaces :meth:`_learn_from`, PG what is sampled, A3C the whole :meth:`training_step`.
    Lifetime counts live here, not in the runners, so that a restarted runner loses none.
    """

    def setup(self, config: Any) -> None:
        """As RLlib, plus this project's counters."""
        # Group of runners → when those that were lost are asked again (monotonic seconds).
        self._ask_again: dict[int, float] = {}
        super().setup(config)
        self._remote_sampling = RemoteSampling(self.config)
        self._window = EpisodeWindow(self.config.metrics_num_episodes_for_smoothing)
        self._moments = self._make_moments()
        self._env_restarts = 0
        self._logged_at = time.monotonic()
        self._frames_per_step = frames_per_step(self.config)
        if self.config.restore_from is not None:
            self.restore_from_path(self.config.restore_from)

    def _make_moments(self) -> dict[str, CommonMoments]:
        """What observation filter and return normalisation share, of those that are on."""
        made = {}
        if self.config.observation_filter == "MeanStdFilter":
            made[FILTER] = CommonMoments(self.spaces[DEFAULT_MODULE_ID][0].shape)
        if self.config.normalize_returns:
            made[RETURNS] = CommonMoments(())
        return made

    # --- one training step --------------------------------------------------------------------

    def training_step(self) -> None:
        """Sample a train batch, learn from it, spread the weights; until the iteration is full."""
        wanted = max(self.config.min_sample_timesteps_per_iteration, 1)
        sampled, episodes, restarts, stats = 0, 0, 0, []
        while sampled < wanted:
            with self.metrics.log_time((TIMERS, ENV_RUNNER_SAMPLING_TIMER)):
                rollout = self._sample_batch()
            restarts += rollout.env_restarts
            if rollout.num_steps == 0:  # every environment was resetting
                continue
            self._note_steps(rollout.num_steps, rollout.episodes)
            sampled += rollout.num_steps
            episodes += len(rollout.episodes)
            stats.extend(self._learn_from(rollout))
        self._log_results(sampled, episodes, stats, restarts)

    def _learn_from(self, rollout: Rollout) -> list[dict[str, float]]:
        """One update and its weights to the runners; numbers to log."""
        batch = learner_batch(rollout)
        with self.metrics.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            stats = self.learner_group.update(batch=batch, timesteps=self._timesteps())
        self._spread_weights()
        return list(stats)

    def _sample_batch(self) -> Rollout:
        """As many fragments from every runner as make a train batch."""
        rounds = self.config.rollouts_per_batch
        parts: list[Rollout] = []
        for _ in range(rounds):
            played = self._sample_round()
            # The local runner fills the same buffers again in the next round.
            own = rounds > 1 and self.env_runner_group.num_remote_env_runners() == 0
            parts.extend([part.copy() for part in played] if own else played)
        self._merge_moments()
        return Rollout.concatenate(parts)

    def _sample_round(self) -> list[Rollout]:
        """One fragment from every runner; the local one's own buffers."""
        if self.env_runner_group.num_remote_env_runners() == 0:
            return [self._sound(self.env_runner.sample_or_fault())]
        return self._sample_remote()

    def _sample_remote(self) -> list[Rollout]:
        """One fragment from every remote runner that answers in time; lost ones are waited for.

        Raises:
            RuntimeError: no runner answered within ``sample_timeout_s``.
            EnvironmentFault, FloatingPointError: a runner's.
        """
        group = self.env_runner_group
        answers = self._remote_sampling.sample(group, lambda: self.restore_env_runners(group))
        return [self._sound(answer) for answer in answers]

    def _sound(self, part: Rollout | Exception) -> Rollout:
        """The rollout, unless it is a runner's error."""
        if isinstance(part, Rollout):
            return part
        raise self._in_iteration(part) from part

    def _in_iteration(self, fault: Exception) -> Exception:
        """The same error, with the iteration and the lifetime steps."""
        place = f"iteration {self.iteration + 1}, after {self._steps_lifetime} environment steps"
        return type(fault)(f"{fault}; in {place}")

    def _spread_weights(self) -> None:
        """The learner's weights to every runner; the local one included."""
        with self.metrics.log_time((TIMERS, SYNCH_WORKER_WEIGHTS_TIMER)):
            if self.env_runner is not None:
                self._copy_to_local_runner()
            if self.env_runner_group.num_remote_env_runners():
                self.env_runner_group.sync_weights(
                    from_worker_or_learner_group=self.learner_group,
                    policies=[DEFAULT_MODULE_ID],
                    # A late runner adopts them before it plays on: calls stay in order.
                    timeout_seconds=self.config.sample_timeout_s,
                )

    def _copy_to_local_runner(self) -> None:
        """Weights to the local runner; straight from tensor to tensor where both live here."""
        if self.learner_group.is_local:
            # Through state dicts the same takes 8 % of an A2C update on CartPole.
            [source] = self.learner_group.foreach_learner(lambda learner: learner.state_tensors())
            self.env_runner.copy_weights(source.get())
        else:
            self.env_runner.set_state({COMPONENT_RL_MODULE: self.learner_group.get_weights()})

    def _merge_moments(self) -> None:
        """Merge what all runners' filters and return normalisers saw and give everyone the result."""
        if not self._moments:
            return
        patience = self.config.sample_timeout_s
        ask = partial(self.env_runner_group.foreach_env_runner, timeout_seconds=patience)
        for collected in ask(lambda runner: runner.take_moments()):
            self._add_moments(collected)
        states = self.moments_state()
        ask(lambda runner: runner.set_moments(states))

    def _add_moments(self, collected: Mapping[str, Moments]) -> None:
        """Add what one runner collected."""
        for name, moments in collected.items():
            self._moments[name].merge(moments)

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """As RLlib, which asks lost runners for a sign of life before every iteration.

        Where a machine is gone an answer takes seconds, and without a free CPU elsewhere it stays
        so. While other runners work, such a question is asked after ten times as long only.
        """
        group = id(env_runner_group)
        began = time.monotonic()
        if env_runner_group.num_healthy_remote_workers() and began < self._ask_again.get(
            group, 0.0
        ):
            return []
        restored = super().restore_env_runners(env_runner_group)
        took = time.monotonic() - began
        self._ask_again[group] = 0.0 if restored else began + took * SILENCE_PER_PROBE
        return list(restored)

    # --- results ------------------------------------------------------------------------------

    @property
    def _steps_lifetime(self) -> int:
        """Environment steps the policy has taken since training began."""
        return int(
            self.metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME), default=0)
        )

    def _timesteps(self) -> dict[str, int]:
        return {
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self._steps_lifetime,
            ITERATION: self.iteration + 1,
        }

    def _note_steps(self, steps: int, episodes: Iterable[Episode]) -> None:
        self.metrics.log_value(
            (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME), steps, reduce="lifetime_sum"
        )
        self._window.extend(episodes)

    def count_env_restarts(self, number: int) -> None:
        """Add environments that were built anew, in training or evaluation."""
        self._env_restarts += number

    def _log_results(
        self, steps: int, episodes: int, stats: list[dict[str, float]], restarts: int
    ) -> None:
        """Log an iteration's numbers under RLlib's names."""
        self.count_env_restarts(restarts)
        now = time.monotonic()
        rate = steps / max(now - self._logged_at, 1e-9)
        self._logged_at = now
        runner_results = {
            **self._window.summary(),
            "num_episodes": episodes,
            "num_episodes_lifetime": self._window.num_lifetime,
            "num_env_steps_sampled": steps,
            "num_frames_sampled_lifetime": self._steps_lifetime * self._frames_per_step,
            "num_env_steps_sampled_per_second": rate,
            "num_env_restarts": restarts,
            "num_env_restarts_lifetime": self._env_restarts,
        }
        self._log_flat(ENV_RUNNER_RESULTS, runner_results)
        self._log_flat((LEARNER_RESULTS, DEFAULT_MODULE_ID), averaged(stats))

    def _log_flat(self, key: Any, numbers: Mapping[str, float]) -> None:
        prefix = key if isinstance(key, tuple) else (key,)
        for name, value in numbers.items():
            self.metrics.log_value((*prefix, name), value, reduce="item", window=None)

    def step(self) -> dict[str, Any]:
        """One iteration's result, with the names older tools and stop rules look for."""
        return with_retired_names(super().step())

    def moments_state(self) -> dict[str, dict[str, Any]]:
        """The common moments of observation filter and return normalisation, of those that are on."""
        return {name: moments.state() for name, moments in self._moments.items()}

    # --- state --------------------------------------------------------------------------------

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As RLlib, plus counters, episode window and filter."""
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
        """As RLlib, plus what :meth:`get_state` added."""
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
    """Each number's mean over updates and learners; those only some report, over these."""
    names = dict.fromkeys(name for entry in stats for name in entry)
    return {
        name: float(np.mean([entry[name] for entry in stats if name in entry])) for name in names
    }
