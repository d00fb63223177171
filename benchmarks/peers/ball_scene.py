"""Worker: the scene of 3D ball balancing alone, random actions, no network; the limit of training.

`python -m rllib_zoo.benchmarks.peers.ball_scene 12 --json`; the number is that of the boards.
"""

from __future__ import annotations

import sys
from typing import Any

from rllib_zoo.benchmarks.peers.protocol import Goal, main, versions_of
from rllib_zoo.benchmarks.peers.random_actions import play
from rllib_zoo.envs import make_vector_env

ENV = "3DBall-v0"
VARIANTS = ["12", "3"]  # of the Unity scene, and of the course's


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Step at random until the goal is reached."""
    boards = int(variant)
    env = make_vector_env(ENV, boards)
    play(env, lambda random: random.uniform(-1.0, 1.0, (boards, 2)), goal, limit)
    return {"settings": {"boards": boards}, "versions": versions_of("mujoco", "numpy")}


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
