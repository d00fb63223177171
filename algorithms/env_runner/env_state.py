"""Saving running environments, so that an interrupted training continues bitwise."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
from gymnasium.utils import EzPickle
from gymnasium.vector import SyncVectorEnv, VectorEnv, VectorWrapper
from ray import cloudpickle


def capture_env_state(env: VectorEnv) -> bytes | None:
    """The running environments as bytes, or None where they cannot be continued.

    Environments in other processes or with emulators and simulators (``EzPickle`` rebuilds them
    without their state) give None: their episodes restart after a resume.
    """
    if any(isinstance(part, EzPickle) for part in _parts(env)):
        return None
    try:
        # Gymnasium's own wrappers and registered creators hold lambdas, which pickle refuses.
        return cloudpickle.dumps(env)
    except Exception:  # pickling runs the environment's own code: any failure means "cannot"
        return None


def restore_env_state(env: VectorEnv, captured: bytes | None) -> VectorEnv | None:
    """The continued environments, or None where ``captured`` is None; ``env`` is closed then."""
    if captured is None:
        return None
    restored = pickle.loads(captured)
    env.close()
    return restored


def _parts(env: Any) -> Iterator[Any]:
    """The environment, what it wraps, and its copies' first with what that wraps."""
    while True:
        yield env
        if isinstance(env, VectorWrapper | gym.Wrapper):
            env = env.env
        elif isinstance(env, SyncVectorEnv):
            env = env.envs[0]
        else:
            return
