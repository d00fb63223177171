"""stable-baselines 2: ``python sb2_runs.py DATA``.

With Python 3.7, tensorflow 1.15.5, stable-baselines 2.10.2, gym 0.19.0 and atari-py 0.2.6.
"""

from __future__ import annotations

import sys
from pathlib import Path

import counting
import gym
from stable_baselines import A2C, DQN, PPO2, logger
from stable_baselines.bench import Monitor
from stable_baselines.common.cmd_util import make_atari_env
from stable_baselines.common.vec_env import DummyVecEnv

SMALL = {"verbose": 1, "seed": 3, "policy_kwargs": {"layers": [8]}}
ENV = "CartPole-v1"


def ppo2(folder):
    """Monitor files of four copies, the logger's table as CSV, JSON and events.

    Without ``tensorboard_log``, whose file holds the network's graph: half a megabyte.
    """
    envs = [lambda i=i: Monitor(counting.make(ENV), str(folder / str(i))) for i in range(4)]
    logger.configure(str(folder), ["csv", "json", "tensorboard"])
    model = PPO2("MlpPolicy", DummyVecEnv(envs), n_steps=128, **SMALL)
    model.learn(4096, log_interval=1)


def a2c(folder):
    """The logger's table alone: a row every 10 updates, none before an episode has ended."""
    logger.configure(str(folder), ["csv"])
    envs = DummyVecEnv([lambda: Monitor(counting.make(ENV), None)] * 2)
    A2C("MlpPolicy", envs, **SMALL).learn(1000, log_interval=10)


def dqn(folder):
    """The logger's table of an algorithm off policy."""
    logger.configure(str(folder), ["csv"])
    DQN("MlpPolicy", counting.make(ENV), verbose=1, seed=3).learn(1500, log_interval=4)


def atari(folder):
    """A game played at random: Monitor lies outside of the frame skip, inside of lives and clipping."""
    gym.make = counting.make
    logger.configure(str(folder), ["csv"])
    envs = make_atari_env("BreakoutNoFrameskip-v4", num_env=1, seed=0, use_subprocess=False)
    A2C("CnnPolicy", envs, verbose=1, n_steps=20).learn(1000, log_interval=10)


if __name__ == "__main__":
    for make in (ppo2, a2c, dqn, atari):
        folder = Path(sys.argv[1]).resolve() / f"sb2_{make.__name__}"
        folder.mkdir(parents=True)
        counting.start()
        make(folder)
        logger.reset()
        counting.write(folder)
