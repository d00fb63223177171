"""A probe environment that costs time and no core: it shows what sampling itself costs."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np


class Waiting(gym.Env):
    """Every step sleeps ``milliseconds`` and pays 1; an episode has ``k`` steps.

    Runners of such environments do not compete for cores, so that steps/s grow with their number as
    far as the program lets them.
    """

    observation_space: gym.Space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space: gym.Space = gym.spaces.Discrete(2)

    def __init__(self, milliseconds: float = 20.0, k: int = 20):
        if milliseconds < 0:
            raise ValueError(f"milliseconds must not be negative, got {milliseconds}")
        self._seconds = milliseconds / 1000
        self._k = k

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self._step = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        time.sleep(self._seconds)
        self._step += 1
        return np.zeros(1, np.float32), 1.0, self._step >= self._k, False, {}
