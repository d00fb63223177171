"""Transforms of rewards and actions between environment and policy."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np

RewardMap = Callable[[np.ndarray], np.ndarray]
ActionMap = Callable[[np.ndarray], np.ndarray]


def learning_rewards(clip_rewards: bool | float | None, *, atari: bool) -> RewardMap:
    """The transform from raw rewards [N] to the rewards learned from; episode returns stay raw.

    Source: RLlib's ``clip_rewards``; signs of rewards on Atari: Mnih et al. 2015.

    Args:
        clip_rewards: True: the sign; a number c: clipped to [-c, c]; False: unchanged; None: the
            sign for Atari games, else unchanged.
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


def action_map(space: gym.Space, *, normalize_actions: bool, clip_actions: bool) -> ActionMap:
    """The transform from sampled actions [N] or [N, D] to environment actions.

    ``normalize_actions`` maps [-1, 1] to the bounds of the Box and clips (RLlib's unsquashing);
    ``clip_actions`` only clips. Dimensions without finite bounds are unchanged, and so are discrete
    actions, except for the ``start`` of a Discrete space.
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
        scale = (np.where(bounded, high, 1.0) - np.where(bounded, low, -1.0)) / 2.0
        middle = (np.where(bounded, high, 0.0) + np.where(bounded, low, 0.0)) / 2.0
        return lambda actions: shaped(np.clip(middle + scale * actions, low, high))
    if clip_actions:
        return lambda actions: shaped(np.clip(actions, low, high))
    return shaped
