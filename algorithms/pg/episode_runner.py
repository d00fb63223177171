"""Sampling whole episodes: one from every environment, started with the current weights.

Returns of whole episodes need it: no episode is cut by a fragment or was started with older weights.
Every environment runs exactly one: taking the first that end among many would favour short episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rllib_zoo.algorithms.descriptors import COMPLETE_EPISODES
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.rollout import Rollout

# Steps between two checks whether every environment's episode has ended. On average half of them are
# wasted, and every check copies the rollout.
STEPS_PER_CHECK = 16


class EpisodeRunner(VectorEnvRunner):
    """With ``batch_mode: complete_episodes`` a rollout is one whole episode of every environment."""

    def make_module(self) -> None:
        """As VectorEnvRunner.

        Raises:
            ValueError: the network is recurrent, which whole episodes do not support.
        """
        super().make_module()
        if self._whole_episodes and self.module.recurrent is not None:
            raise ValueError(
                f"batch_mode {COMPLETE_EPISODES!r} does not support recurrent networks"
            )

    @property
    def _whole_episodes(self) -> bool:
        return self.config.batch_mode == COMPLETE_EPISODES and not self.config.in_evaluation

    def sample(self, *, num_steps: int | None = None, **kwargs: Any) -> Rollout:
        """One episode of every environment from a fresh reset, [T, N] with T of the longest one.

        Steps after an environment's first episode are masked, and their episodes discarded. The
        episode of a restarted environment is the one after the restart.

        Args:
            num_steps: T, to sample a fragment instead of episodes.

        Raises:
            EnvironmentFault, FloatingPointError: as VectorEnvRunner.
        """
        if num_steps is not None or not self._whole_episodes:
            return super().sample(num_steps=num_steps, **kwargs)
        self.reset_episodes()
        parts: list[Rollout] = []
        first: dict[int, tuple[int, Episode]] = {}
        while len(first) < self.num_envs:
            start = STEPS_PER_CHECK * len(parts)
            part, ended = self._collect(STEPS_PER_CHECK)
            parts.append(part.copy())
            for t, column, episode in ended:
                first.setdefault(column, (start + t, episode))
        rollout = Rollout.concatenate(parts, axis=0)
        ends = np.array([first[column][0] for column in range(self.num_envs)])
        rollout.episodes = [episode for _, episode in sorted(first.values(), key=lambda e: e[0])]
        return masked_after(rollout, ends)


def masked_after(rollout: Rollout, last_N: np.ndarray) -> Rollout:
    """Mask every column after its last step, and cut the rollout after the last of these steps.

    Args:
        rollout: [T, N]; its mask is changed in place.
        last_N: int, last step of each column.
    """
    rollout.mask &= np.arange(len(rollout.mask))[:, None] <= last_N
    length = int(last_N.max()) + 1
    arrays: dict[str, Any] = {name: array[:length] for name, array in rollout.arrays().items()}
    return replace(rollout, **arrays)


def concatenate_padded(rollouts: Sequence[Rollout]) -> Rollout:
    """As ``Rollout.concatenate`` for different T: pads the shorter ones with masked steps."""
    longest = max(len(rollout.mask) for rollout in rollouts)
    return Rollout.concatenate([_padded(rollout, longest) for rollout in rollouts])


def _padded(rollout: Rollout, length: int) -> Rollout:
    missing = length - len(rollout.mask)
    if missing == 0:
        return rollout
    arrays: dict[str, Any] = {
        name: np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))
        for name, array in rollout.arrays().items()
    }
    return replace(rollout, **arrays)
