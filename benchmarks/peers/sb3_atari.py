"""Worker: stable-baselines3 PPO or A2C with RL Baselines3 Zoo's Atari settings.

`python -m benchmarks.peers.sb3_atari pong-ppo-one --json`
"""

from __future__ import annotations

import os
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

from benchmarks.atari_settings import GAMES, SB3_A2C, SB3_PPO, THREADS, env_of
from benchmarks.peers.protocol import Goal, parse, run_worker, versions_of
from benchmarks.peers.sb3 import GoalCallback

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
    rate, clip = SB3_PPO["learning_rate_start"], SB3_PPO["clip_range_start"]
    return PPO(
        "CnnPolicy",
        _games(game, SB3_PPO["n_envs"]),
        n_steps=SB3_PPO["n_steps"],
        n_epochs=SB3_PPO["n_epochs"],
        batch_size=SB3_PPO["batch_size"],
        learning_rate=lambda remaining: remaining * rate,
        clip_range=lambda remaining: remaining * clip,
        vf_coef=SB3_PPO["vf_coef"],
        ent_coef=SB3_PPO["ent_coef"],
        device="cpu",
    )


def _a2c(game: str) -> BaseAlgorithm:
    return A2C(
        "CnnPolicy",
        _games(game, SB3_A2C["n_envs"]),
        n_steps=SB3_A2C["n_steps"],
        learning_rate=SB3_A2C["learning_rate"],
        vf_coef=SB3_A2C["vf_coef"],
        ent_coef=SB3_A2C["ent_coef"],
        policy_kwargs={
            "optimizer_class": RMSpropTFLike,
            "optimizer_kwargs": {"eps": 1e-5},
        },
        device="cpu",
    )


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps and the Zoo's budget."""
    game, algo, wanted = variant.split("-")
    threads = 1 if wanted == "one" else len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    settings = {"ppo": SB3_PPO, "a2c": SB3_A2C}[algo]
    model = {"ppo": _ppo, "a2c": _a2c}[algo](game)
    model.learn(total_timesteps=settings["total_steps"], callback=GoalCallback(goal, limit))
    return {
        "settings": {**settings, "torch_threads": threads},
        "versions": versions_of("stable-baselines3", "torch", "gymnasium", "ale-py"),
    }


if __name__ == "__main__":
    sys.exit(run_worker(parse(__doc__ or "", VARIANTS, None), train))
