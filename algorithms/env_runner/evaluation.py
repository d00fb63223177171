"""Evaluation: whole episodes, an equal number from every environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, EVALUATION_RESULTS

from rllib_zoo.algorithms.base.result_names import NUM_EPISODES_CUT
from rllib_zoo.algorithms.env_runner.episodes import Episode, summary
from rllib_zoo.envs import EnvironmentFault


class EpisodePlay:
    """Whole episodes from fresh resets, one step of all environments at a time.

    Every environment runs a fixed share of them: taking the first that end among many parallel
    environments would favour short episodes.

    Args:
        runner: a ``VectorEnvRunner`` built with ``in_evaluation``.
        num_episodes: exact number.
        explore: sample actions; False selects the most probable ones.
        max_steps: agent steps after which an environment's first episode is cut, which is then its
            only one; None: never.
    """

    def __init__(
        self, runner: Any, num_episodes: int, *, explore: bool, max_steps: int | None = None
    ):
        self._runner, self._explore, self._max_steps = runner, explore, max_steps
        num_envs = runner.num_envs
        self._quotas = np.full(num_envs, num_episodes // num_envs)
        self._quotas[: num_episodes % num_envs] += 1
        if max_steps is not None and self._quotas.max() > 1:
            raise ValueError(f"max_steps allows one episode per environment, not {num_episodes}")
        self._finished: list[list[Episode]] = [[] for _ in range(num_envs)]
        self.num_missing = num_episodes
        runner.reset_episodes()

    @property
    def episodes(self) -> list[Episode]:
        """The episodes that count so far, by environment."""
        return [episode for episodes in self._finished for episode in episodes]

    def step(self) -> list[tuple[int, Episode]]:
        """Step all environments once; the episodes that ended and count, with their environment."""
        ended = [
            (index, episode)
            for index, episode in self._runner.step_episodes(explore=self._explore)
            if len(self._finished[index]) < self._quotas[index]
        ]
        for index, episode in ended:
            self._finished[index].append(episode)
        if self._max_steps is not None:
            ended += self._cut(self._max_steps)
        self.num_missing -= len(ended)
        return ended

    def _cut(self, max_steps: int) -> list[tuple[int, Episode]]:
        """Cut the running episodes that have so many steps."""
        cut = [
            (index, episode)
            for index, episode in enumerate(self._runner.running_episodes())
            if episode.length >= max_steps and len(self._finished[index]) < self._quotas[index]
        ]
        for index, episode in cut:
            self._finished[index].append(episode)
        return cut

    def running_lengths(self) -> list[int]:
        """Agent steps of the running episodes that will count."""
        running = enumerate(self._runner.running_episodes())
        return [e.length for i, e in running if len(self._finished[i]) < self._quotas[i]]


def play_episodes(
    runner: Any,
    num_episodes: int,
    *,
    explore: bool,
    max_steps: int | None = None,
    on_step: Callable[[EpisodePlay], Any] | None = None,
) -> list[Episode]:
    """Run whole episodes to their end, or until ``max_steps``; see :class:`EpisodePlay`.

    ``on_step`` is called after every step.
    """
    play = EpisodePlay(runner, num_episodes, explore=explore, max_steps=max_steps)
    while play.num_missing:
        play.step()
        if on_step is not None:
            on_step(play)
    return play.episodes


def play_within(runner: Any, num_episodes: int, *, explore: bool, timeout: float) -> list[Episode]:
    """Run whole episodes; without those running when none has ended for ``timeout`` seconds."""
    play = EpisodePlay(runner, num_episodes, explore=explore)
    ended_at = time.monotonic()
    while play.num_missing and time.monotonic() - ended_at <= timeout:
        if play.step():
            ended_at = time.monotonic()
    return play.episodes


def evaluate_on_runners(algorithm: Any, runners: Any) -> tuple[dict[str, Any], int, int]:
    """RLlib's ``custom_evaluation_function``: ``evaluation_duration`` episodes, raw returns.

    Uses the remote evaluation runners if there are any; ``explore`` of the evaluation configuration
    selects between sampled and most probable actions. Ends without the running episodes when none has
    ended for ``evaluation_sample_timeout_s``.
    """
    from rllib_zoo.algorithms.env_runner.remote_evaluation import RemoteEvaluation

    config = algorithm.evaluation_config
    num_episodes, explore = int(config.evaluation_duration), bool(config.explore)
    try:
        if runners.num_remote_env_runners():
            episodes = RemoteEvaluation(algorithm, runners, num_episodes, explore).run()
        else:
            runner = runners.local_env_runner
            runner.set_moments(algorithm.moments_state())
            timeout = config.evaluation_sample_timeout_s
            episodes = play_within(runner, num_episodes, explore=explore, timeout=timeout)
            algorithm.count_env_restarts(runner.take_env_restarts())
    except EnvironmentFault as fault:
        raise EnvironmentFault(f"{fault}; in evaluation") from fault
    steps = sum(episode.length for episode in episodes)
    metrics = {**summary(episodes), NUM_EPISODES_CUT: num_episodes - len(episodes)}
    # RLlib's new API stack takes the results from the metrics, not from the returned dictionary.
    for name, value in metrics.items():
        key = (EVALUATION_RESULTS, ENV_RUNNER_RESULTS, name)
        algorithm.metrics.log_value(key, value, reduce="item", window=None)
    return {ENV_RUNNER_RESULTS: metrics}, steps, steps
