"""Closing environments: their own code runs there, too, and nothing that was played depends on it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv

from rllib_zoo.envs.restart_policy import error_line


def close_environment(env: gym.Env | VectorEnv, **options: Any) -> str | None:
    """Close an environment; the error of its ``close(**options)`` in a line, None without one."""
    try:
        env.close(**options)
    except (Exception, SystemExit) as error:
        layer = env
        while isinstance(layer, VectorEnv):  # when it is deleted it would be closed again
            layer.closed = True
            layer = getattr(layer, "env", None)
        return error_line(error)
    return None
