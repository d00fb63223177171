"""Worker: the emulator alone, random actions, no network; the ceiling of everybody.

`python -m benchmarks.peers.emulator pong-84 --json`
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from benchmarks.atari_settings import EMULATOR_COPIES, FRAMESKIP, GAMES, env_of
from benchmarks.peers.protocol import Goal, parse, run_worker, versions_of
from envs import make_vector_env

VARIANTS = [f"{game}-{size}" for game in GAMES for size in (84, 42)]


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Step at random until the goal is reached."""
    game, _, size = variant.partition("-")
    threads = len(os.sched_getaffinity(0))
    options = {
        "frameskip": FRAMESKIP,
        "screen_size": int(size),
        "repeat_action_probability": 0.0,
    }
    env = make_vector_env(env_of(game), EMULATOR_COPIES, options, num_threads=threads)
    env.reset(seed=0)
    random = np.random.default_rng(0)
    steps = 0
    while not goal.reached(steps, []) and steps < limit:
        env.step(random.integers(0, env.single_action_space.n, EMULATOR_COPIES))
        steps += EMULATOR_COPIES
    env.close()
    settings = {"copies": EMULATOR_COPIES, "threads": threads, **options}
    return {"settings": settings, "versions": versions_of("ale-py", "numpy")}


if __name__ == "__main__":
    sys.exit(run_worker(parse(__doc__ or "", VARIANTS, None), train))
