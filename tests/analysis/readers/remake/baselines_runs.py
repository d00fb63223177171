"""OpenAI Baselines: ``python baselines_runs.py CHECKOUT DATA``.

CHECKOUT of github.com/openai/baselines at ea25b9e. With Python 3.7, tensorflow 1.15.5,
gym 0.19.0, atari-py 0.2.6 and opencv-python.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import counting
import gym
from baselines import deepq, logger
from baselines.a2c import a2c
from baselines.bench import Monitor
from baselines.common.cmd_util import make_vec_env
from baselines.common.vec_env.dummy_vec_env import DummyVecEnv
from baselines.ppo2 import ppo2

ENV = "CartPole-v1"


def ppo(folder):
    """Monitor files of four copies, the logger's table as CSV, JSON and events."""
    envs = [
        lambda i=i: Monitor(counting.make(ENV), str(folder / f"0.{i}"), allow_early_resets=True)
        for i in range(4)
    ]
    logger.configure(str(folder), ["csv", "json", "tensorboard"])
    ppo2.learn(
        network="mlp",
        env=DummyVecEnv(envs),
        total_timesteps=4096,
        nsteps=128,
        log_interval=1,
        seed=3,
    )


def dqn(folder):
    """The logger's table of an algorithm off policy."""
    logger.configure(str(folder), ["csv"])
    deepq.learn(counting.make(ENV), network="mlp", total_timesteps=1500, print_freq=4, seed=3)


def atari(folder):
    """A game: Monitor lies outside of the frame skip, inside of lives and clipping."""
    gym.make = counting.make
    logger.configure(str(folder), ["csv"])
    envs = make_vec_env("BreakoutNoFrameskip-v4", "atari", 1, 0)
    a2c.learn(network="cnn", env=envs, total_timesteps=1000, nsteps=20, log_interval=10, seed=3)


if __name__ == "__main__":
    for make in (ppo, dqn, atari):
        folder = Path(sys.argv[2]).resolve() / f"baselines_{make.__name__}"
        folder.mkdir(parents=True)
        counting.start()
        make(folder)
        logger.reset()
        counting.write(folder)
