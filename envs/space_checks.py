"""Checking an observation against its space, spaces, a reward."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

# Many environments leave their bounds by less, relative to the number.
ROUNDING = 1e-4
_ARRAYS = (gym.spaces.Box, gym.spaces.MultiBinary, gym.spaces.MultiDiscrete)


def mismatch(space: gym.Space, obs: Any, key: str = "observation") -> str | None:
    """How an observation differs from its space; None if it does not.

    Bounds are not checked, see :func:`out_of_bounds`. A dtype passes if numpy casts it to the space's as
    "same kind", as stacking the copies' observations does.

    Args:
        space: Dict and Tuple are checked recursively; unknown kinds pass.
        obs: of one environment.
        key: name in the message; keys are appended as ``observation['speed']``.
    """
    if isinstance(space, _ARRAYS):
        return _array_mismatch(space, obs, key)
    if isinstance(space, gym.spaces.Discrete):
        whole = isinstance(obs, int | np.integer) or getattr(obs, "shape", None) == ()
        return None if whole and space.contains(obs) else f"{key} is {obs!r}, expected {space}"
    if isinstance(space, gym.spaces.Dict):
        return _dict_mismatch(space, obs, key)
    if isinstance(space, gym.spaces.Tuple):
        if not isinstance(obs, tuple | list) or len(obs) != len(space.spaces):
            return f"{key} is not a tuple of {len(space.spaces)}"
        inside = (
            mismatch(part, value, f"{key}[{i}]")
            for i, (part, value) in enumerate(zip(space.spaces, obs, strict=True))
        )
        return next(filter(None, inside), None)
    return None


def out_of_bounds(space: gym.spaces.Box, obs: np.ndarray) -> str | None:
    """The first number of an observation beyond its bounds by more than a rounding error; None without.

    Args:
        obs: of one environment, as numbers of any dtype.
    """
    numbers = obs.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite bounds
        excess = np.maximum(space.low - numbers, numbers - space.high)
        outside = excess > ROUNDING * np.maximum(1.0, np.abs(numbers))
    if not outside.any():
        return None
    at = np.unravel_index(outside.argmax(), outside.shape)
    index = "".join(f"[{i}]" for i in at)
    return f"observation{index} is {obs[at]:g}, its bounds are {space.low[at]:g} and {space.high[at]:g}"


def reward_mismatch(reward: Any) -> str | None:
    """How a reward differs from a number; None if it does not."""
    if isinstance(reward, int | float | np.number | np.bool_) or (
        isinstance(reward, np.ndarray) and reward.shape == () and reward.dtype.kind in "biuf"
    ):
        return None
    shape = f" of shape {reward.shape}" if hasattr(reward, "shape") else ""
    return f"the reward is {reward!r}{shape}, expected a number"


def _array_mismatch(space: gym.Space, obs: Any, key: str) -> str | None:
    try:
        array = np.asarray(obs)
    except ValueError:  # rows of different lengths
        return f"{key} is not an array: {type(obs).__name__}"
    if array.shape != space.shape:
        return f"{key} has shape {array.shape}, expected {space.shape}"
    assert space.dtype is not None
    if not np.can_cast(array.dtype, space.dtype, "same_kind"):
        return f"{key} has dtype {array.dtype}, expected {space.dtype}"
    return None


def _dict_mismatch(space: gym.spaces.Dict, obs: Any, key: str) -> str | None:
    if not isinstance(obs, dict):
        return f"{key} is a {type(obs).__name__}, expected a dict"
    for name, part in space.spaces.items():
        if name not in obs:
            return f"{key}[{name!r}] is missing"
        if problem := mismatch(part, obs[name], f"{key}[{name!r}]"):
            return problem
    return None


def unsupported_action_space(space: gym.Space) -> gym.Space | None:
    """The space itself, or the first one in it, that no action distribution supports; None without."""
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        inside = space.spaces.values() if isinstance(space, gym.spaces.Dict) else space.spaces
        refused = map(unsupported_action_space, inside)
        return next((part for part in refused if part is not None), None if inside else space)
    if isinstance(space, gym.spaces.Box):
        return None if np.issubdtype(space.dtype, np.floating) else space
    discrete = gym.spaces.Discrete | gym.spaces.MultiDiscrete | gym.spaces.MultiBinary
    return None if isinstance(space, discrete) else space
