"""RLlib's replay buffers of episodes, learning from the signs of rewards as Atari games are."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer
from ray.rllib.utils.replay_buffers.episode_replay_buffer import EpisodeReplayBuffer
from ray.rllib.utils.replay_buffers.prioritized_episode_buffer import (
    PrioritizedEpisodeReplayBuffer,
)


def with_signs(episode: Any) -> Any:
    """A copy of a SingleAgentEpisode whose rewards are -1, 0 or 1 (Mnih et al. 2015).

    A copy, because the runner still counts the raw rewards of unfinished episodes.
    """
    rewards = episode.rewards
    signs = (
        np.sign(rewards.data) if rewards.finalized else [float(np.sign(r)) for r in rewards.data]
    )
    other = copy.copy(episode)
    other.rewards = InfiniteLookbackBuffer(
        data=signs, lookback=rewards.lookback, space=rewards.space
    )
    return other


class SignedEpisodeReplayBuffer(EpisodeReplayBuffer):
    """Keeps the signs of rewards."""

    def add(self, episodes: Any, *args: Any, **kwargs: Any) -> None:
        """As RLlib's."""
        listed = episodes if isinstance(episodes, list) else [episodes]
        super().add([with_signs(episode) for episode in listed], *args, **kwargs)


class SignedPrioritizedEpisodeReplayBuffer(PrioritizedEpisodeReplayBuffer):
    """Keeps the signs of rewards."""

    def add(self, episodes: Any, *args: Any, **kwargs: Any) -> None:
        """As RLlib's."""
        listed = episodes if isinstance(episodes, list) else [episodes]
        super().add([with_signs(episode) for episode in listed], *args, **kwargs)


SIGNED = {
    "EpisodeReplayBuffer": "rllib_zoo.algorithms.dqn.replay.SignedEpisodeReplayBuffer",
    "PrioritizedEpisodeReplayBuffer": "rllib_zoo.algorithms.dqn.replay.SignedPrioritizedEpisodeReplayBuffer",
}
