"""Rewards for learning, as opposed to the raw ones that scores are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RewardMap = Callable[[np.ndarray], np.ndarray]


def learning_rewards(clip_rewards: bool | float | None, *, atari: bool) -> RewardMap:
    """How rewards [N] change before they are learned from.

    Source: RLlib's ``clip_rewards``; the signs are Mnih et al. 2015's for Atari, whose games score
    in ones or in thousands.

    Args:
        clip_rewards: True: the sign; a number c: clipped to [-c, c]; False: as they are; None: the
            sign for Atari games, else as they are.
        atari: whether the environment is an Atari game.
    """
    if clip_rewards is None:
        clip_rewards = atari
    if clip_rewards is True:
        return np.sign
    if clip_rewards is False:
        return lambda rewards: rewards
    bound = float(clip_rewards)
    return lambda rewards: np.clip(rewards, -bound, bound)
