"""RLlib's replay buffers of episodes, storing the signs of rewards as usual for Atari games."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer
from ray.rllib.utils.replay_buffers.episode_replay_buffer import EpisodeReplayBuffer
from ray.rllib.utils.replay_buffers.prioritized_episode_buffer import PrioritizedEpisodeReplayBuffer


def with_signs(episode: Any) -> Any:
    """A copy of a SingleAgentEpisode with rewards -1, 0 or 1 (Mnih et al. 2015).

    The original is left as it is because the env runner still sums its raw rewards.
    """
    rewards = episode.rewards
    signs = (
        np.sign(rewards.data) if rewards.finalized else [float(np.sign(r)) for r in rewards.data]
    )
    copied = copy.copy(episode)
    copied.rewards = InfiniteLookbackBuffer(
        data=signs, lookback=rewards.lookback, space=rewards.space
    )
    return copied


class RewardSignMixin:
    """Mixin for a replay buffer of episodes: stores the signs of rewards."""

    def add(self, episodes: Any, *args: Any, **kwargs: Any) -> None:
        """As RLlib."""
        episodes = episodes if isinstance(episodes, list) else [episodes]
        super().add([with_signs(episode) for episode in episodes], *args, **kwargs)  # type: ignore[misc]


class SignedEpisodeReplayBuffer(RewardSignMixin, EpisodeReplayBuffer):
    """Uniform sampling."""


class SignedPrioritizedEpisodeReplayBuffer(RewardSignMixin, PrioritizedEpisodeReplayBuffer):
    """Prioritized sampling."""


SIGNED = {
    "EpisodeReplayBuffer": "rllib_zoo.algorithms.dqn.replay.SignedEpisodeReplayBuffer",
    "PrioritizedEpisodeReplayBuffer": "rllib_zoo.algorithms.dqn.replay.SignedPrioritizedEpisodeReplayBuffer",
}
