"""From the policy's sample to what the environment gets."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np

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
