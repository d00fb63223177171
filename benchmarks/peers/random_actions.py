"""Worker: an environment alone, random actions, no network: the upper limit of training's steps/s.

`python -m rllib_zoo.benchmarks.peers.random_actions pong-84 --json`. Variants: a game and the side
of its screen, 3D ball balancing and its number of boards, HalfCheetah and how its copies run.
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv

from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.settings import mujoco
from rllib_zoo.benchmarks.settings.atari import EMULATOR_COPIES, FRAMESKIP, GAMES, env_of
from rllib_zoo.envs import make_vector_env

BALL_ENV = "3DBall-v0"
VARIANTS = [
    *(f"{game}-{size}" for game in GAMES for size in (84, 42)),
    # Boards of the Unity scene, and of the course's.
    *(f"3dball-{boards}" for boards in (12, 3)),
    # Ours on one thread and on one per core; gymnasium's copies one after the other.
    *(f"halfcheetah-{mode}" for mode in ("native-one", "native-all", "sync")),
]


def play(env: VectorEnv, goal: Goal, limit: int) -> None:
    """Step the environment at random until the goal is reached or `limit` passed, then close it.

    Args:
        env: N copies; each counts as a step. Actions are discrete, or continuous in [-1, 1].
    """
    env.reset(seed=0)
    random, copies, space = np.random.default_rng(0), env.num_envs, env.single_action_space
    steps = 0
    while not goal.reached(steps, []) and steps < limit:
        if isinstance(space, gym.spaces.Discrete):
            actions = random.integers(0, space.n, copies)
        else:
            shape = (copies, *(space.shape or ()))
            actions = random.uniform(-1.0, 1.0, shape).astype(np.float32)
        env.step(actions)
        steps += copies
    env.close()


def make_env(variant: str) -> tuple[VectorEnv, dict[str, Any]]:
    """The environment of a variant, and its settings for the row."""
    task, _, kind = variant.partition("-")
    if task == "3dball":
        return make_vector_env(BALL_ENV, int(kind)), {"boards": int(kind)}
    if task == "halfcheetah":
        mode = "sync" if kind == "sync" else "vector_entry_point"
        threads = threads_of(kind.removeprefix("native-"))
        env = make_vector_env(mujoco.ENV, mujoco.COPIES, vectorize_mode=mode, num_threads=threads)
        settings = {"copies": mujoco.COPIES, "threads": threads, "gym_env_vectorize_mode": mode}
        return env, settings
    options = {"frameskip": FRAMESKIP, "screen_size": int(kind), "repeat_action_probability": 0.0}
    threads = threads_of("all")
    env = make_vector_env(env_of(task), EMULATOR_COPIES, options, num_threads=threads)
    return env, {"copies": EMULATOR_COPIES, "threads": threads, **options}


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Step at random until the goal is reached."""
    env, settings = make_env(variant)
    play(env, goal, limit)
    return {"settings": settings, "versions": versions_of("ale-py", "gymnasium", "mujoco", "numpy")}


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
