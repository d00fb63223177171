"""Transforms of rewards and actions between environment and policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from rllib_zoo.algorithms.ops.distributions import components

RewardMap = Callable[[np.ndarray], np.ndarray]
ActionMap = Callable[[np.ndarray], Any]


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
    """The transform from sampled actions [N] or [N, D] to environment actions, batched like ``space``.

    ``normalize_actions`` maps [-1, 1] to the bounds of the Box and clips (RLlib's unsquashing);
    ``clip_actions`` only clips. Dimensions without finite bounds are unchanged, and so are discrete
    actions, except for the ``start`` of their space. Of Dict and Tuple spaces every part has its
    columns, in the order of ``distributions.components``.
    """
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        return _structure_map(space, normalize_actions=normalize_actions, clip_actions=clip_actions)
    if isinstance(space, gym.spaces.Discrete):
        return _array_map(space, int(space.start))
    if isinstance(space, gym.spaces.MultiDiscrete | gym.spaces.MultiBinary):
        return _array_map(space, getattr(space, "start", 0))
    assert isinstance(space, gym.spaces.Box)
    low, high = space.low.reshape(-1), space.high.reshape(-1)
    bounded = np.isfinite(low) & np.isfinite(high)
    shaped = _array_map(space)
    if normalize_actions:
        scale = (np.where(bounded, high, 1.0) - np.where(bounded, low, -1.0)) / 2.0
        middle = (np.where(bounded, high, 0.0) + np.where(bounded, low, 0.0)) / 2.0
        return lambda actions: shaped(np.clip(middle + scale * actions, low, high))
    if clip_actions:
        return lambda actions: shaped(np.clip(actions, low, high))
    return shaped


def _array_map(space: gym.Space, start: Any = 0) -> ActionMap:
    """From [N, D] to [N, *shape] of the space's dtype; ``start`` is added."""
    dtype, shape = space.dtype, space.shape or ()
    offset = np.asarray(start).any()

    def shaped(actions: np.ndarray) -> np.ndarray:
        array = actions.astype(dtype, copy=False).reshape(-1, *shape)
        return (array + start).astype(dtype, copy=False) if offset else array

    return shaped


def _structure_map(space: gym.spaces.Dict | gym.spaces.Tuple, **settings: bool) -> ActionMap:
    parts, low = {}, 0
    for key, part in components(space).items():
        high = low + action_size(part)
        # A categorical action is one number, not an array.
        columns: Any = low if isinstance(part, gym.spaces.Discrete) else slice(low, high)
        parts[key] = columns, action_map(part, **settings)
        low = high

    def mapped(actions: np.ndarray) -> Any:
        def of(key: Any) -> Any:
            columns, map_ = parts[key]
            values = actions[:, columns]
            return map_(values.astype(np.int64) if isinstance(columns, int) else values)

        if isinstance(space, gym.spaces.Tuple):
            return tuple(of(key) for key in parts)
        return {key: of(key) for key in space.spaces}

    return mapped


def action_size(space: gym.Space) -> int:
    """D, the numbers in one sampled action."""
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        return sum(map(action_size, components(space).values()))
    return math.prod(space.shape or ())


def action_of(actions: Any, index: int) -> Any:
    """One environment's action out of batched ones."""
    if isinstance(actions, dict):
        return {key: action_of(value, index) for key, value in actions.items()}
    if isinstance(actions, tuple):
        return tuple(action_of(value, index) for value in actions)
    return actions[index]
