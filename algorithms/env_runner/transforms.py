"""Rewards for learning, as opposed to the raw ones that scores are made of."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
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


ActionMap = Callable[[np.ndarray], np.ndarray]


def action_map(space: gym.Space, *, normalize_actions: bool, clip_actions: bool) -> ActionMap:
    """How sampled actions [N] or [N, D] become environment actions.

    ``normalize_actions`` takes [-1, 1] to the Box's bounds, beyond them clipped (RLlib's
    unsquashing); ``clip_actions`` only clips. Dimensions without finite bounds pass unchanged,
    and so do discrete actions, but for a Discrete space's start.
    """
    if isinstance(space, gym.spaces.Discrete):
        start = int(space.start)
        return (lambda actions: actions) if start == 0 else (lambda actions: actions + start)
    assert isinstance(space, gym.spaces.Box)
    low, high = space.low.reshape(-1), space.high.reshape(-1)
    bounded = np.isfinite(low) & np.isfinite(high)
    dtype, shape = space.dtype, space.shape

    def shaped(actions: np.ndarray) -> np.ndarray:
        return actions.astype(dtype, copy=False).reshape(-1, *shape)

    if normalize_actions:
        scale = (
            np.where(bounded, np.where(bounded, high, 1.0) - np.where(bounded, low, -1.0), 2.0)
            / 2.0
        )
        middle = np.where(
            bounded, (np.where(bounded, high, 0.0) + np.where(bounded, low, 0.0)) / 2.0, 0.0
        )
        return lambda actions: shaped(np.clip(middle + scale * actions, low, high))
    if clip_actions:
        return lambda actions: shaped(np.clip(actions, low, high))
    return shaped
