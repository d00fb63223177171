"""Worker: MuJoCo's physics alone, random actions, no network; the limit of everybody.

`python -m benchmarks.peers.random_mujoco native --json`
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from benchmarks.mujoco_settings import COPIES, ENV
from benchmarks.peers.protocol import Goal, parse, run_worker, versions_of
from envs import make_vector_env

# Ours on one thread and on one per core; gymnasium's copies one after the other.
VARIANTS = ["native-one", "native-all", "sync"]


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Step at random until the goal is reached."""
    mode, _, wanted = variant.partition("-")
    threads = len(os.sched_getaffinity(0)) if wanted == "all" else 1
    mode = "sync" if mode == "sync" else "vector_entry_point"
    env = make_vector_env(ENV, COPIES, vectorize_mode=mode, num_threads=threads)
    env.reset(seed=0)
    random = np.random.default_rng(0)
    shape = (COPIES, *(env.single_action_space.shape or ()))
    steps = 0
    while not goal.reached(steps, []) and steps < limit:
        env.step(random.uniform(-1.0, 1.0, shape).astype(np.float32))
        steps += COPIES
    env.close()
    settings = {"copies": COPIES, "threads": threads, "gym_env_vectorize_mode": mode}
    return {"settings": settings, "versions": versions_of("mujoco", "gymnasium", "numpy")}


if __name__ == "__main__":
    sys.exit(run_worker(parse(__doc__ or "", VARIANTS, None), train))
