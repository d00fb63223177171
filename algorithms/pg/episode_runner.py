"""Sampling whole episodes: one from every environment, begun anew under the current weights.

What a whole return needs: no episode is cut by a fragment, none began under earlier weights. Every
environment plays exactly one: taking the first that end among many would favour short episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.rollout import Rollout

COMPLETE_EPISODES = "complete_episodes"
# Steps between two looks whether every environment's episode is over: half of them are played in
# vain on average, and every look copies the rollout.
STEPS_PER_LOOK = 16


class EpisodeRunner(VectorEnvRunner):
    """With ``batch_mode: complete_episodes`` a rollout is one whole episode of every environment."""

    def make_module(self) -> None:
        """As VectorEnvRunner.

        Raises:
            ValueError: whole episodes of a recurrent network were asked for.
        """
        super().make_module()
        if self._whole and self.module.recurrent is not None:
            raise ValueError(f"batch_mode {COMPLETE_EPISODES!r} has no recurrent networks")

    @property
    def _whole(self) -> bool:
        return self.config.batch_mode == COMPLETE_EPISODES and not self.config.in_evaluation

    def sample(self, *, num_steps: int | None = None, **kwargs: Any) -> Rollout:
        """One episode of every environment from a fresh reset, [T, N] with the longest one's T.

        Steps after an environment's first end are masked: they are in no loss and no count, and
        their episodes in no statistic. Where an environment was built anew, its episode is what
        came after.

        Args:
            num_steps: T of plain fragments, instead of episodes.

        Raises:
            EnvironmentFault, FloatingPointError: as VectorEnvRunner.
        """
        if num_steps is not None or not self._whole:
            return super().sample(num_steps=num_steps, **kwargs)
        self.restart_episodes()
        parts: list[Rollout] = []
        first: dict[int, tuple[int, Episode]] = {}
        while len(first) < self.num_envs:
            played = STEPS_PER_LOOK * len(parts)
            part, ended = self._play(STEPS_PER_LOOK)
            parts.append(part.copy())
            for t, column, episode in ended:
                first.setdefault(column, (played + t, episode))
        rollout = joined_in_time(parts)
        ends = np.array([first[column][0] for column in range(self.num_envs)])
        rollout.episodes = [episode for _, episode in sorted(first.values(), key=lambda e: e[0])]
        return until(rollout, ends)


def joined_in_time(rollouts: Sequence[Rollout]) -> Rollout:
    """Fragments that followed each other, as one of [T1 + T2 + …, N]; without their episodes."""
    parts = [rollout.arrays() for rollout in rollouts]
    joined: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    return Rollout(**joined, env_restarts=sum(rollout.env_restarts for rollout in rollouts))


def until(rollout: Rollout, last_N: np.ndarray) -> Rollout:
    """The rollout up to the last of these steps; every column masked after its own.

    Args:
        rollout: [T, N]; its mask is changed in place.
        last_N: int, the step that each column ends with.
    """
    rollout.mask &= np.arange(len(rollout.mask))[:, None] <= last_N
    length = int(last_N.max()) + 1
    kept = {name: array[:length] for name, array in rollout.arrays().items()}
    return Rollout(**kept, episodes=rollout.episodes, env_restarts=rollout.env_restarts)


def side_by_side(rollouts: Sequence[Rollout]) -> Rollout:
    """As :meth:`Rollout.concatenate`, of different T: the shorter ones get masked steps at their end."""
    longest = max(len(rollout.mask) for rollout in rollouts)
    return Rollout.concatenate([_padded(rollout, longest) for rollout in rollouts])


def _padded(rollout: Rollout, length: int) -> Rollout:
    missing = length - len(rollout.mask)
    if missing == 0:
        return rollout
    arrays = {
        name: np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))
        for name, array in rollout.arrays().items()
    }
    others = {f.name: getattr(rollout, f.name) for f in fields(rollout) if f.name not in arrays}
    return Rollout(**{**others, **arrays})
