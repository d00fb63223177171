"""Worker: stable-baselines3 PPO or A2C with RL Baselines3 Zoo's Atari settings.

`python -m rllib_zoo.benchmarks.peers.sb3_atari pong-ppo-one --json`
"""

from __future__ import annotations

import sys
from typing import Any

import ale_py
import gymnasium as gym
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.vec_env import VecFrameStack

from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.peers.sb3 import GoalCallback, keywords
from rllib_zoo.benchmarks.settings.atari import GAMES, SB3_A2C, SB3_PPO, THREADS, env_of

VARIANTS = [
    f"{g}-{algo}-{threads}" for g in GAMES for algo in ("ppo", "a2c") for threads in THREADS
]


def _games(game: str, number: int) -> VecFrameStack:
    # In this process: for eight games sub-processes are slower on two cores.
    gym.register_envs(ale_py)
    # The library's wrapper skips frames itself; the Zoo's NoFrameskip-v4 ids were not sticky.
    options = {"frameskip": 1, "repeat_action_probability": 0.0}
    games = make_atari_env(env_of(game), number, env_kwargs=options)
    return VecFrameStack(games, 4)


def _ppo(game: str) -> BaseAlgorithm:
    return PPO("CnnPolicy", _games(game, SB3_PPO["n_envs"]), **keywords(SB3_PPO))


def _a2c(game: str) -> BaseAlgorithm:
    optimizer = {"optimizer_class": RMSpropTFLike, "optimizer_kwargs": {"eps": 1e-5}}
    games = _games(game, SB3_A2C["n_envs"])
    return A2C("CnnPolicy", games, policy_kwargs=optimizer, **keywords(SB3_A2C))


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps and the Zoo's budget."""
    game, algo, wanted = variant.split("-")
    threads = threads_of(wanted)
    torch.set_num_threads(threads)
    settings = {"ppo": SB3_PPO, "a2c": SB3_A2C}[algo]
    model = {"ppo": _ppo, "a2c": _a2c}[algo](game)
    model.learn(total_timesteps=settings["total_steps"], callback=GoalCallback(goal, limit))
    return {
        "settings": {**settings, "torch_threads": threads},
        "versions": versions_of("stable-baselines3", "torch", "gymnasium", "ale-py"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
