"""Worker: stable-baselines3 PPO with RL Baselines3 Zoo's HalfCheetah settings.

`python -m rllib_zoo.benchmarks.peers.sb3_mujoco one --json`
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.peers.sb3 import GoalCallback, keywords
from rllib_zoo.benchmarks.settings.mujoco import ENV, SB3_PPO

# One torch thread, or one per core: the ratio is against whichever is faster.
VARIANTS = ["one", "all"]
BUDGET = 1_000_000


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    threads = threads_of(variant)
    torch.set_num_threads(threads)
    # Monitors lie below the normalisation: returns are raw.
    worlds = make_vec_env(ENV, n_envs=SB3_PPO["n_envs"], seed=goal.seed)
    env = VecNormalize(worlds, gamma=SB3_PPO["gamma"])
    hiddens = SB3_PPO["hiddens"]
    model = PPO(
        "MlpPolicy",
        env,
        policy_kwargs={
            "log_std_init": SB3_PPO["log_std_init"],
            "ortho_init": False,
            "activation_fn": torch.nn.ReLU,
            "net_arch": {"pi": hiddens, "vf": hiddens},
        },
        seed=goal.seed,
        **keywords(SB3_PPO),
    )
    budget = max(BUDGET, goal.least_steps)
    model.learn(total_timesteps=budget, callback=GoalCallback(goal, limit))
    return {
        "settings": {**SB3_PPO, "torch_threads": threads},
        "versions": versions_of("stable-baselines3", "torch", "gymnasium", "mujoco", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
