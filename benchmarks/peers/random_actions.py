"""Playing a vector environment at random: what the workers without a network measure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gymnasium.vector import VectorEnv

from rllib_zoo.benchmarks.peers.protocol import Goal


def play(
    env: VectorEnv, draw: Callable[[np.random.Generator], np.ndarray], goal: Goal, limit: int
) -> None:
    """Step the environment at random until the goal is reached or `limit` passed, then close it.

    Args:
        env: N copies; each counts as a step.
        draw: actions [N, ...] of one step.
    """
    env.reset(seed=0)
    random, copies = np.random.default_rng(0), env.num_envs
    steps = 0
    while not goal.reached(steps, []) and steps < limit:
        env.step(draw(random))
        steps += copies
    env.close()
