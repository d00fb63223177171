"""Worker: stable-baselines3 PPO or A2C with RL Baselines3 Zoo's CartPole-v1 settings.

`python -m rllib_zoo.benchmarks.peers.sb3 ppo --json`
"""

from __future__ import annotations

import sys
from functools import partial
from operator import mul
from typing import Any

import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from rllib_zoo.benchmarks.peers.protocol import Goal, main, versions_of
from rllib_zoo.benchmarks.settings.cartpole import ENV, SB3_A2C, SB3_NETWORK, SB3_PPO, Settings

# One thread is the faster choice for this peer too: 7,200 and 16,200 steps/s (PPO, A2C) against
# 7,100 and 15,100 with two, medians of two runs each on two quiet cores.
THREADS = 1
ALGORITHMS = {"ppo": (PPO, SB3_PPO), "a2c": (A2C, SB3_A2C)}
# Settings of a run and of its network; all others are called as the constructors call them.
NO_KEYWORDS = ("n_envs", "total_steps", "hiddens", "log_std_init")


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


def keywords(settings: Settings) -> dict[str, Any]:
    """Settings as keywords of PPO or A2C; a `*_start` falls linearly from that value to 0."""
    found: dict[str, Any] = {"device": "cpu"}
    for name, value in settings.items():
        if name.endswith("_start"):
            # Called with the share of the run that remains, from 1 to 0.
            found[name.removesuffix("_start")] = partial(mul, value)
        elif name not in NO_KEYWORDS:
            found[name] = value
    return found


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps and the Zoo's budget.

    The linear schedules fall over that budget; a speed measurement longer than it stretches them.
    """
    torch.set_num_threads(THREADS)
    algorithm, settings = ALGORITHMS[variant]
    env = make_vec_env(ENV, n_envs=settings["n_envs"])
    model = algorithm("MlpPolicy", env, **keywords(settings))
    budget = max(settings["total_steps"], goal.least_steps)
    model.learn(total_timesteps=budget, callback=GoalCallback(goal, limit))
    return {
        "settings": {**settings, **SB3_NETWORK, "torch_threads": THREADS},
        "versions": versions_of("stable-baselines3", "torch", "gymnasium", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, ALGORITHMS, train))
