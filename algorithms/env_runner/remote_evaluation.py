"""Evaluation on remote env runners, in parts short enough to tell a long episode from a frozen runner."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.evaluation import EpisodePlay
from rllib_zoo.algorithms.env_runner.remote_sampling import HEALTH_CHECK_PERIOD_S, terminate_runner

# Seconds that a runner plays before it reports the episodes that ended.
PART_S = 2.0


@dataclass(frozen=True)
class Part:
    """What a runner played in :data:`PART_S`.

    Attributes:
        runner_id: of the runner.
        episodes: that ended, with their environment.
        num_missing: episodes of its share that have not ended.
        env_restarts: restarts of its environments.
    """

    runner_id: int
    episodes: list[tuple[int, Episode]]
    num_missing: int
    env_restarts: int


@dataclass
class PlayPart:
    """A call of a runner: begin a share of the episodes, or continue it.

    Attributes:
        shares: runner id → its number of episodes, to begin; empty: continue.
        moments: shared moments of filter and returns, for the begin.
        explore: sample actions.
    """

    shares: dict[int, int]
    moments: dict[str, Any] = field(default_factory=dict)
    explore: bool = False

    def __call__(self, runner: Any) -> Part:
        """Play for :data:`PART_S`, at least one step."""
        start = time.monotonic()
        episodes: list[tuple[int, Episode]] = []
        if self.shares:
            runner.set_moments(self.moments)
            number = self.shares[runner.worker_index]
            runner.episode_play = EpisodePlay(runner, number, explore=self.explore)
        play = runner.episode_play
        while play.num_missing:
            episodes += play.step()
            if time.monotonic() - start > PART_S:
                break
        restarts = runner.take_env_restarts()
        return Part(runner.worker_index, episodes, play.num_missing, restarts)


class RemoteEvaluation:
    """A number of episodes, shared by the healthy evaluation runners.

    A runner that does not respond within ``sample_timeout_s`` is terminated, and Ray restarts it. Its
    missing episodes and those of runners that died are played by the others, or by the restarted ones.
    """

    def __init__(self, algorithm: Any, group: Any, num_episodes: int, explore: bool):
        self._algorithm, self._group, self._explore = algorithm, group, explore
        self._config = algorithm.evaluation_config
        self._num_missing = num_episodes
        # Runner id, environment, and episode.
        self._episodes: list[tuple[int, int, Episode]] = []

    def run(self) -> list[Episode]:
        """The episodes, by runner and environment; without those running at the timeout.

        Raises:
            Exception: whatever a runner raised.
        """
        self._ended_at = time.monotonic()
        while self._num_missing and not self._is_overdue():
            healthy = sorted(self._group.healthy_env_runner_ids())
            if not healthy:
                time.sleep(HEALTH_CHECK_PERIOD_S)
                self._algorithm.restore_env_runners(self._group)
                continue
            # The first runners play the remainder; all begin, as their environments are reset.
            each, extra = divmod(self._num_missing, len(healthy))
            shares = {index: each + (n < extra) for n, index in enumerate(healthy)}
            moments = self._algorithm.moments_state()
            parts = self._play(healthy, PlayPart(shares, moments, self._explore))
            while (
                left := [p.runner_id for p in parts if p.num_missing]
            ) and not self._is_overdue():
                parts = self._play(left, PlayPart({}))
        return [episode for *_, episode in sorted(self._episodes, key=lambda entry: entry[:2])]

    def _is_overdue(self) -> bool:
        return time.monotonic() - self._ended_at > self._config.evaluation_sample_timeout_s

    def _play(self, runner_ids: list[int], call: PlayPart) -> list[Part]:
        """One part on each of these runners; those that responded."""
        parts: list[Part] = self._group.foreach_env_runner(
            call,
            local_env_runner=False,
            remote_worker_ids=runner_ids,
            timeout_seconds=self._config.sample_timeout_s,
        )
        for part in parts:
            self._algorithm.count_env_restarts(part.env_restarts)
            self._episodes += [(part.runner_id, *entry) for entry in part.episodes]
            self._num_missing -= len(part.episodes)
        if any(part.episodes for part in parts):
            self._ended_at = time.monotonic()
        late = {*runner_ids} - {part.runner_id for part in parts}
        for index in sorted(late & {*self._group.healthy_env_runner_ids()}):
            terminate_runner(self._group, index, self._config)
        return parts
