"""Worker: stable-baselines3 PPO or A2C with RL Baselines3 Zoo's CartPole-v1 settings.

`python -m benchmarks.peers.sb3 ppo --json`
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from benchmarks.peers.protocol import Goal, parse, run_worker, versions_of
from benchmarks.settings import ENV, SB3_A2C, SB3_NETWORK, SB3_PPO

# One thread is the faster choice for this peer too: 7,200 and 16,200 steps/s (PPO, A2C) against
# 7,100 and 15,100 with two, medians of two runs each on two quiet cores.
THREADS = 1


class GoalCallback(BaseCallback):
    """Shows the goal every iteration end: a rollout starts when the update before has ended."""

    def __init__(self, goal: Goal, limit: int) -> None:
        super().__init__()
        self._goal = goal
        self._limit = limit
        self._done = False

    def _look(self) -> None:
        returns = [episode["r"] for episode in self.model.ep_info_buffer]
        self._done = self._done or self._goal.reached(self.num_timesteps, returns)

    def _on_rollout_start(self) -> None:
        self._look()

    def _on_step(self) -> bool:
        return not self._done and self.num_timesteps < self._limit

    def _on_training_end(self) -> None:
        self._look()


def _ppo() -> BaseAlgorithm:
    learning_rate, clip_range = SB3_PPO["learning_rate_start"], SB3_PPO["clip_range_start"]
    return PPO(
        "MlpPolicy",
        make_vec_env(ENV, n_envs=SB3_PPO["n_envs"]),
        n_steps=SB3_PPO["n_steps"],
        batch_size=SB3_PPO["batch_size"],
        n_epochs=SB3_PPO["n_epochs"],
        gamma=SB3_PPO["gamma"],
        gae_lambda=SB3_PPO["gae_lambda"],
        ent_coef=SB3_PPO["ent_coef"],
        learning_rate=lambda remaining: remaining * learning_rate,
        clip_range=lambda remaining: remaining * clip_range,
        device="cpu",
    )


def _a2c() -> BaseAlgorithm:
    return A2C(
        "MlpPolicy",
        make_vec_env(ENV, n_envs=SB3_A2C["n_envs"]),
        n_steps=SB3_A2C["n_steps"],
        ent_coef=SB3_A2C["ent_coef"],
        learning_rate=SB3_A2C["learning_rate"],
        device="cpu",
    )


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps and the Zoo's budget.

    The linear schedules fall over that budget; a speed measurement longer than it stretches them.
    """
    torch.set_num_threads(THREADS)
    settings = {"ppo": SB3_PPO, "a2c": SB3_A2C}[variant]
    model = {"ppo": _ppo, "a2c": _a2c}[variant]()
    budget = max(settings["total_steps"], goal.least_steps)
    model.learn(total_timesteps=budget, callback=GoalCallback(goal, limit))
    return {
        "settings": {**settings, **SB3_NETWORK, "torch_threads": THREADS},
        "versions": versions_of("stable-baselines3", "torch", "gymnasium", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(run_worker(parse(__doc__ or "", ["ppo", "a2c"], None), train))
