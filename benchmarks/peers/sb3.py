"""Worker: stable-baselines3 with RL Baselines3 Zoo's settings.

`python -m rllib_zoo.benchmarks.peers.sb3 ppo --json`. Variants: `ppo` and `a2c` on CartPole-v1;
`GAME-ppo-THREADS` and `GAME-a2c-THREADS` on Atari; `halfcheetah-ppo-THREADS`; `ddpg-BATCH` on
Pendulum-v1. THREADS is `one` torch thread, or `all`: one per core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from operator import mul
from typing import Any

import numpy as np
import torch
from stable_baselines3 import A2C, DDPG, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize

from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.settings import atari, cartpole, ddpg, mujoco
from rllib_zoo.benchmarks.settings.cartpole import Settings

# Settings of a run and of its network; the others are named as the constructors' arguments.
NO_KEYWORDS = ("n_envs", "total_steps", "hiddens", "log_std_init")
HALFCHEETAH_BUDGET = 1_000_000
PACKAGES = ("stable-baselines3", "torch", "gymnasium", "ale-py", "mujoco", "numpy")
# One torch thread is the faster choice on CartPole too: 7,200 and 16,200 steps/s (PPO, A2C) against
# 7,100 and 15,100 with two, medians of two runs each on two quiet cores.
VARIANTS = [
    "ppo",
    "a2c",
    *(f"{g}-{algo}-{t}" for g in atari.GAMES for algo in ("ppo", "a2c") for t in atari.THREADS),
    *(f"halfcheetah-ppo-{threads}" for threads in atari.THREADS),
    *(f"ddpg-{batch}" for batch in ddpg.BATCHES),
]


class GoalCallback(BaseCallback):
    """Calls the goal at the end of every iteration: a rollout starts when an update has ended."""

    def __init__(self, goal: Goal, limit: int) -> None:
        super().__init__()
        self._goal = goal
        self._limit = limit
        self._done = False

    def _check(self) -> None:
        returns = [episode["r"] for episode in self.model.ep_info_buffer]
        self._done = self._done or self._goal.reached(self.num_timesteps, returns)

    def _on_rollout_start(self) -> None:
        self._check()

    def _on_step(self) -> bool:
        return not self._done and self.num_timesteps < self._limit

    def _on_training_end(self) -> None:
        self._check()


def keywords(settings: Settings) -> dict[str, Any]:
    """Settings as keywords of PPO or A2C; a `*_start` falls linearly from that value to 0."""
    arguments: dict[str, Any] = {"device": "cpu"}
    for name, value in settings.items():
        if name.endswith("_start"):
            # Called with the share of the run that remains, from 1 to 0.
            arguments[name.removesuffix("_start")] = partial(mul, value)
        elif name not in NO_KEYWORDS:
            arguments[name] = value
    return arguments


def cartpole_model(algorithm: str) -> BaseAlgorithm:
    """PPO or A2C on CartPole-v1."""
    cls, settings = {"ppo": (PPO, cartpole.SB3_PPO), "a2c": (A2C, cartpole.SB3_A2C)}[algorithm]
    env = make_vec_env(cartpole.ENV, n_envs=settings["n_envs"])
    return cls("MlpPolicy", env, **keywords(settings))


def atari_model(game: str, algorithm: str) -> BaseAlgorithm:
    """PPO or A2C on a game, in this process: for eight games sub-processes are slower on two cores."""
    import ale_py
    import gymnasium as gym

    gym.register_envs(ale_py)
    settings = {"ppo": atari.SB3_PPO, "a2c": atari.SB3_A2C}[algorithm]
    # The library's wrapper skips frames itself; the Zoo's NoFrameskip-v4 ids were not sticky.
    options = {"frameskip": 1, "repeat_action_probability": 0.0}
    games = make_atari_env(atari.env_of(game), settings["n_envs"], env_kwargs=options)
    env = VecFrameStack(games, 4)
    if algorithm == "ppo":
        return PPO("CnnPolicy", env, **keywords(settings))
    optimizer = {"optimizer_class": RMSpropTFLike, "optimizer_kwargs": {"eps": 1e-5}}
    return A2C("CnnPolicy", env, policy_kwargs=optimizer, **keywords(settings))


def halfcheetah_model(seed: int) -> BaseAlgorithm:
    """PPO on HalfCheetah; monitors lie below the normalisation, so returns are raw."""
    settings = mujoco.SB3_PPO
    envs = make_vec_env(mujoco.ENV, n_envs=settings["n_envs"], seed=seed)
    network = {
        "log_std_init": settings["log_std_init"],
        "ortho_init": False,
        "activation_fn": torch.nn.ReLU,
        "net_arch": {"pi": settings["hiddens"], "vf": settings["hiddens"]},
    }
    env = VecNormalize(envs, gamma=settings["gamma"])
    return PPO("MlpPolicy", env, policy_kwargs=network, seed=seed, **keywords(settings))


def ddpg_model(batch: int) -> BaseAlgorithm:
    """DDPG on Pendulum-v1 with the settings that ours has too."""
    env = make_vec_env(ddpg.ENV)
    actions = env.action_space.shape[0]
    return DDPG(
        "MlpPolicy",
        env,
        batch_size=batch,
        action_noise=NormalActionNoise(np.zeros(actions), np.full(actions, ddpg.NOISE)),
        policy_kwargs={"net_arch": list(ddpg.HIDDENS)},
        device="cpu",
        **ddpg.SB3_DDPG,
    )


def setup(variant: str, goal: Goal) -> tuple[Callable[[], BaseAlgorithm], Settings, int, int]:
    """A variant's model, its settings, its steps of training and its torch threads.

    Linear schedules fall over the Zoo's budget of steps; a longer speed measurement stretches them.
    """
    task, *rest = variant.split("-")
    if not rest:
        settings = {"ppo": cartpole.SB3_PPO, "a2c": cartpole.SB3_A2C}[task]
        budget = max(settings["total_steps"], goal.least_steps)
        return partial(cartpole_model, task), {**settings, **cartpole.SB3_NETWORK}, budget, 1
    if task == "ddpg":
        batch = int(rest[0])
        return partial(ddpg_model, batch), {**ddpg.SB3_DDPG, "batch_size": batch}, 10**9, 1
    algorithm, threads = rest
    if task == "halfcheetah":
        budget = max(HALFCHEETAH_BUDGET, goal.least_steps)
        return partial(halfcheetah_model, goal.seed), mujoco.SB3_PPO, budget, threads_of(threads)
    settings = {"ppo": atari.SB3_PPO, "a2c": atari.SB3_A2C}[algorithm]
    model = partial(atari_model, task, algorithm)
    return model, settings, settings["total_steps"], threads_of(threads)


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps and the Zoo's budget."""
    model, settings, budget, threads = setup(variant, goal)
    torch.set_num_threads(threads)
    model().learn(total_timesteps=budget, callback=GoalCallback(goal, limit))
    return {
        "settings": {**settings, "torch_threads": threads},
        "versions": versions_of(*PACKAGES),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
