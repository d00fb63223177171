"""RLlib's env runner for DQN, with this project's environments and restarts."""

from __future__ import annotations

import itertools
import time
from typing import Any

import gymnasium as gym
import numpy as np
from ray.rllib.env.env_runner import ENV_STEP_FAILURE
from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.utils.metrics import ENV_RESET_TIMER, ENV_STEP_TIMER

from rllib_zoo.algorithms.dqn.network import channels_first
from rllib_zoo.algorithms.dqn.weight_noise import reset_parameter_noise
from rllib_zoo.algorithms.env_runner.env_runner import environment_context
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.remote_sampling import terminate_runner
from rllib_zoo.algorithms.env_runner.runner_errors import ReturnsErrors
from rllib_zoo.envs import environment_name, make_single_env
from rllib_zoo.envs.restart_policy import Restarts, error_line

# Name of the returns and lengths of finished episodes in the runners' metrics; not in results.
FINISHED = "finished_episodes"


class EvaluationTimeout(Exception):
    """No episode of an evaluation has ended for ``evaluation_sample_timeout_s``."""


class FactoryEnvRunner(ReturnsErrors, SingleAgentEnvRunner):
    """RLlib's env runner, with environments from ``make_single_env``."""

    def __init__(self, *, config: Any, **kwargs: Any):
        if config.parameter_noise_stddev is not None:
            config = config.copy(copy_frozen=False)
            config.callbacks(on_episode_start=reset_parameter_noise)
        self._restarts = Restarts(config.restart_failed_sub_environments)
        super().__init__(config=config, **kwargs)

    def _try_env_step(self, actions: Any) -> Any:
        """As RLlib's, whose error has no text and whose restarts have no end."""
        seconds = time.monotonic() - self._ended_at
        if self._is_bounded and seconds > self.config.evaluation_sample_timeout_s:
            raise EvaluationTimeout
        try:
            with self.metrics.log_time(ENV_STEP_TIMER):
                results = self.env.step(actions)
        except Exception as error:
            self._restart(error)
            return ENV_STEP_FAILURE
        self._restarts.in_a_row = 0
        return results

    def _try_env_reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """As RLlib's, see :meth:`_try_env_step`."""
        while True:
            try:
                with self.metrics.log_time(ENV_RESET_TIMER):
                    return self.env.reset(seed=seed, options=options)
            except Exception as error:
                self._restart(error)

    def sample(self, *, num_episodes: int | None = None, **kwargs: Any) -> Any:
        """As RLlib's; in the training process an evaluation ends without its running episodes.

        See ``evaluation_sample_timeout_s``. A remote runner that is late is terminated.
        """
        self._ended: list[Any] = []
        self._ended_at = time.monotonic()
        self._is_bounded = num_episodes is not None and not self.worker_index
        try:
            return super().sample(num_episodes=num_episodes, **kwargs)
        except EvaluationTimeout:
            self._done_episodes_for_metrics.extend(self._ended)
            return self._ended

    def _make_on_episode_callback(self, which: str, idx: int, episodes: list[Any]) -> None:
        """RLlib's hook; also keeps the episodes that ended."""
        super()._make_on_episode_callback(which, idx, episodes)
        if which == "on_episode_end" and self._is_bounded:
            self._ended_at = time.monotonic()
            self._ended.append(episodes[idx])

    def _restart(self, error: Exception) -> None:
        """Rebuild all copies.

        Raises:
            Exception: ``error``, without restarts.
            EnvironmentFault: after too many restarts in a row.
        """
        if not self._restarts.allowed:
            raise error
        name = environment_name(self.config.env)
        self._restarts.count(f"environment {name!r}: {error_line(error)}", error)
        self.make_env()

    def make_env(self) -> None:
        """As RLlib."""
        env, context = self.config.env, environment_context(self)
        copies = (context.copy_with_overrides(vector_index=i) for i in itertools.count())
        # RLlib looks names up in its own registry, but calls functions, once per copy.
        self.config.env = lambda _: _channels_last(make_single_env(env, next(copies)))
        try:
            super().make_env()
        finally:
            self.config.env = env

    def _log_episode_metrics(self, length: int, ret: float, sec: float) -> None:
        """RLlib's hook; also logs the episode itself, for means over a known number of them."""
        super()._log_episode_metrics(length, ret, sec)
        self.metrics.log_value(FINISHED, (float(ret), int(length)), reduce="item_series")


class EvaluationGroup(EnvRunnerGroup):
    """RLlib's evaluation runners, of which those that do not respond are terminated.

    RLlib gives a frozen runner its share of the missing episodes again and again, without an end.
    """

    def foreach_env_runner(self, *args: Any, **kwargs: Any) -> list[Any]:
        """As RLlib; runners that are late here and at a second call are terminated."""
        before = self.num_env_runners_dropped_lifetime()
        results: list[Any] = super().foreach_env_runner(*args, **kwargs)
        if self.num_env_runners_dropped_lifetime() > before:
            config = self._remote_config
            responded = super().foreach_env_runner(
                lambda runner: runner.worker_index,
                local_env_runner=False,
                timeout_seconds=config.sample_timeout_s,
            )
            for index in sorted({*self.healthy_env_runner_ids()} - {*responded}):
                terminate_runner(self, index, config)
        return results


def finished_episodes(runners: dict[str, Any]) -> list[Episode]:
    """Remove the finished episodes from a runner's results and return them, in RLlib's order."""
    finished = runners.pop(FINISHED, None)
    return [Episode(*pair) for pair in finished] if isinstance(finished, list) else []


def channels_last_spaces(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    observation, action = pair
    if isinstance(observation, gym.spaces.Box) and channels_first(observation.shape):
        low, high = (np.moveaxis(bound, 0, -1) for bound in (observation.low, observation.high))
        observation = gym.spaces.Box(low, high, dtype=observation.dtype.type)
    return observation, action


def _channels_last(env: gym.Env) -> gym.Env:
    """The environment with channels-last images, as RLlib's networks require."""
    space = env.observation_space
    if not channels_first(space.shape):
        return env
    last, _ = channels_last_spaces((space, None))
    return gym.wrappers.TransformObservation(env, lambda obs: np.moveaxis(obs, 0, -1), last)
