"""A probe environment that takes time but no CPU, to measure the overhead of sampling."""

from __future__ import annotations

import time

from rllib_zoo.envs.probes import Probe, Step, observation


class Waiting(Probe):
    """Every step sleeps ``milliseconds`` and gives reward 1; an episode has ``k`` steps.

    Runners of such environments do not compete for cores: steps/s grow with their number, up to the
    overhead of the program.
    """

    def __init__(self, milliseconds: float = 20.0, k: int = 20):
        if milliseconds < 0:
            raise ValueError(f"milliseconds must not be negative, got {milliseconds}")
        self._seconds = milliseconds / 1000
        self._k = k

    def step(self, action: int) -> Step:
        time.sleep(self._seconds)
        self._step += 1
        return observation(0.0), 1.0, self._step >= self._k, False, {}
