"""Worker: the emulator alone, random actions, no network; the ceiling of everybody.

`python -m rllib_zoo.benchmarks.peers.emulator pong-84 --json`
"""

from __future__ import annotations

import sys
from typing import Any

from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.peers.random_actions import play
from rllib_zoo.benchmarks.settings.atari import EMULATOR_COPIES, FRAMESKIP, GAMES, env_of
from rllib_zoo.envs import make_vector_env

VARIANTS = [f"{game}-{size}" for game in GAMES for size in (84, 42)]


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Step at random until the goal is reached."""
    game, _, size = variant.partition("-")
    threads = threads_of("all")
    options = {
        "frameskip": FRAMESKIP,
        "screen_size": int(size),
        "repeat_action_probability": 0.0,
    }
    env = make_vector_env(env_of(game), EMULATOR_COPIES, options, num_threads=threads)
    actions = env.single_action_space.n
    play(env, lambda random: random.integers(0, actions, EMULATOR_COPIES), goal, limit)
    settings = {"copies": EMULATOR_COPIES, "threads": threads, **options}
    return {"settings": settings, "versions": versions_of("ale-py", "numpy")}


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
