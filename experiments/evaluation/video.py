"""Videos of rendered episodes, one file each."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.transforms import action_of
from rllib_zoo.envs import is_atari, make_single_env

DEFAULT_FPS = 30
# The rate of the console; ale-py's metadata contains 30.
ATARI_FPS = 60


def record_episodes(
    runner: VectorEnvRunner, folder: Path | None, number: int, *, explore: bool
) -> list[Path]:
    """Record episodes as `episode-0.mp4`, … in a folder; without one, show them in a window.

    Returns:
        The files written.
    """
    import imageio.v2 as imageio

    mode = "human" if folder is None else "rgb_array"
    env = make_single_env(runner.config.env, runner.config.environment_options, render_mode=mode)
    files = []
    for index in range(number):
        frames, episode_return = play_episode(env, runner, explore, seed=runner.config.seed + index)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"episode-{index}.mp4"
            # macro_block_size 1: keep the frame size instead of rounding it up to a multiple of 16.
            fps = frames_per_second(env, runner.config)
            imageio.mimsave(file, frames, fps=fps, macro_block_size=1)
            # Not on standard output, which with --json is one JSON object.
            message = f"video: {file} (return {episode_return:.1f}, {len(frames)} frames)"
            print(message, file=sys.stderr)
            files.append(file)
    env.close()
    return files


def frames_per_second(env: gym.Env, config: Any) -> int:
    """The environment's frame rate; of Atari games every ``frameskip``-th frame is recorded."""
    if is_atari(config.env):
        return max(ATARI_FPS // frames_per_step(config), 1)
    return env.metadata.get("render_fps", DEFAULT_FPS)


def play_episode(
    env: gym.Env, runner: VectorEnvRunner, explore: bool, seed: int, limit: float = math.inf
) -> tuple[list[np.ndarray], float]:
    """Frames and raw return of one episode, up to ``limit`` frames."""
    obs, _ = env.reset(seed=seed)
    recurrent_state = runner.initial_recurrent_state(1)
    frames, total, done = [env.render()], 0.0, False
    while not done and len(frames) < limit:
        batch = np.asarray(obs)[None]
        actions = runner.act(batch, explore=explore, recurrent_state=recurrent_state)
        action = action_of(actions, 0)
        obs, reward, terminated, truncated, _ = env.step(action)
        frames.append(env.render())
        total += float(reward)
        done = terminated or truncated
    return frames, total
