"""Worker: MuJoCo's physics alone, random actions, no network; the limit of everybody.

`python -m rllib_zoo.benchmarks.peers.random_mujoco native-one --json`
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.peers.random_actions import play
from rllib_zoo.benchmarks.settings.mujoco import COPIES, ENV
from rllib_zoo.envs import make_vector_env

# Ours on one thread and on one per core; gymnasium's copies one after the other.
VARIANTS = ["native-one", "native-all", "sync"]


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Step at random until the goal is reached."""
    mode, _, wanted = variant.partition("-")
    threads = threads_of(wanted)
    mode = "sync" if mode == "sync" else "vector_entry_point"
    env = make_vector_env(ENV, COPIES, vectorize_mode=mode, num_threads=threads)
    shape = (COPIES, *(env.single_action_space.shape or ()))
    play(env, lambda random: random.uniform(-1.0, 1.0, shape).astype(np.float32), goal, limit)
    settings = {"copies": COPIES, "threads": threads, "gym_env_vectorize_mode": mode}
    return {"settings": settings, "versions": versions_of("mujoco", "gymnasium", "numpy")}


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
