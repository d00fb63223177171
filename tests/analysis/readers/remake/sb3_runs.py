"""stable-baselines3: ``python sb3_runs.py DATA``, with stable-baselines3, tensorboard and ale-py."""

from __future__ import annotations

import sys
from pathlib import Path

import counting
import gymnasium
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

SMALL = {"policy_kwargs": {"net_arch": [8]}, "device": "cpu"}
ENV = "CartPole-v1"


def copies(folder, number=4):
    made = [lambda i=i: Monitor(counting.make(ENV), str(folder / f"{i}")) for i in range(number)]
    return DummyVecEnv(made)


def monitors(folder):
    """Monitor files of four copies, tables as CSV and JSON, events, evaluations every 1,000 steps."""
    counting.start()
    envs = copies(folder)
    model = PPO("MlpPolicy", envs, n_steps=128, seed=3, **SMALL)
    model.set_logger(configure(str(folder), ["csv", "json", "tensorboard"]))
    evaluation = EvalCallback(
        Monitor(gymnasium.make(ENV)),
        eval_freq=250,
        n_eval_episodes=5,
        log_path=str(folder),
        verbose=0,
    )
    model.learn(4000, callback=evaluation)
    counting.write(folder)


def resumed(folder):
    """One Monitor file that a second process continues; events in PPO_1 of both."""
    counting.start()
    for first in (True, False):
        env = Monitor(counting.make(ENV), str(folder / "run"), override_existing=first)
        model = PPO("MlpPolicy", env, n_steps=128, tensorboard_log=str(folder / "events"), **SMALL)
        if not first:
            model.num_timesteps = 512
        model.learn(512, reset_num_timesteps=first)
    counting.write(folder)


def normalised(folder):
    """VecMonitor around VecNormalize: sums of normalised rewards."""
    counting.start()
    inner = DummyVecEnv([lambda: counting.make(ENV)] * 2)
    envs = VecMonitor(VecNormalize(inner), str(folder / "outer"))
    A2C("MlpPolicy", envs, **SMALL).learn(2000)
    counting.write(folder)


def dqn(folder):
    """The logger's table of an algorithm off policy."""
    counting.start()
    model = DQN("MlpPolicy", Monitor(counting.make(ENV)), seed=1, **SMALL)
    model.set_logger(configure(str(folder / "CartPole-v1_dqn"), ["csv"]))
    model.learn(1500)
    counting.write(folder / "CartPole-v1_dqn")


def atari(folder):
    """Monitor inside AtariWrapper: lengths in frames; clipped rewards and lives stay outside of it."""
    import ale_py
    from stable_baselines3.common.env_util import make_atari_env

    gymnasium.register_envs(ale_py)
    counting.start()
    envs = make_atari_env("BreakoutNoFrameskip-v4", n_envs=1, seed=0, monitor_dir=str(folder))
    steps, frames, returns = 0, 0, []
    envs.reset()
    while len(returns) < 4:
        _, _, _, infos = envs.step([envs.action_space.sample()])
        steps += 1
        if "episode" in infos[0]:
            returns.append(float(infos[0]["episode"]["r"]))
            frames, ended = frames + int(infos[0]["episode"]["l"]), steps
    counting.write(folder, agent_steps=ended, frames=frames, game_returns=returns)


if __name__ == "__main__":
    for make in (monitors, resumed, normalised, dqn, atari):
        folder = Path(sys.argv[1]) / f"sb3_{make.__name__}"
        folder.mkdir(parents=True)
        make(folder)
