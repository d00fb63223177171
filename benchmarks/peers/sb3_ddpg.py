"""Worker: stable-baselines3 DDPG on Pendulum-v1; the variant is the batch size.

`python -m rllib_zoo.benchmarks.peers.sb3_ddpg 256 --json`
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DDPG
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise

from rllib_zoo.benchmarks.peers.protocol import Goal, main, versions_of
from rllib_zoo.benchmarks.peers.sb3 import THREADS, GoalCallback
from rllib_zoo.benchmarks.settings.ddpg import BATCHES, ENV, HIDDENS, NOISE, SB3_DDPG


def model(batch: int) -> DDPG:
    """DDPG with the settings both sides have."""
    env = make_vec_env(ENV)
    actions = env.action_space.shape[0]
    return DDPG(
        "MlpPolicy",
        env,
        batch_size=batch,
        action_noise=NormalActionNoise(np.zeros(actions), np.full(actions, NOISE)),
        policy_kwargs={"net_arch": list(HIDDENS)},
        device="cpu",
        **SB3_DDPG,
    )


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    torch.set_num_threads(THREADS)
    steps = min(limit, 10**9)
    model(int(variant)).learn(total_timesteps=steps, callback=GoalCallback(goal, steps))
    return {
        "settings": {**SB3_DDPG, "batch_size": int(variant), "torch_threads": THREADS},
        "versions": versions_of("stable-baselines3", "torch", "gymnasium", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, [str(b) for b in BATCHES], train))
