"""Videos of rendered episodes, one file each; these episodes count for the score."""

from __future__ import annotations

import errno
import inspect
import math
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.transforms import action_of
from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.envs import (
    EnvironmentFault,
    EnvironmentRequestError,
    close_environment,
    environment_name,
    is_atari,
    make_single_env,
)
from rllib_zoo.envs.restart_policy import error_line
from rllib_zoo.experiments.console import progress_lines
from rllib_zoo.experiments.errors import RequestError, first_line
from rllib_zoo.experiments.evaluation.play import HINT
from rllib_zoo.experiments.library_warnings import without_devices

# Render modes of gymnasium.
FRAMES, WINDOW = "rgb_array", "human"
DEFAULT_FPS = 30
# The rate of the console; ale-py's metadata contains 30.
ATARI_FPS = 60


def drawing_env(runner: VectorEnvRunner, mode: str) -> gym.Env:
    """One copy of the runner's environment that draws, tried with one reset.

    Args:
        runner: with the configuration.
        mode: ``rgb_array`` for frames, ``human`` for a window.

    Raises:
        RequestError: it cannot draw.
    """
    config = runner.config
    key = "--video" if mode == FRAMES else "--render"
    name = environment_name(config.env)
    if mode == FRAMES:
        without_devices()
    try:
        env = make_single_env(config.env, config.environment_options, render_mode=mode)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key=key) from None
    try:
        env.reset(seed=config.seed)
        frame = drawn(env, mode)
        if mode == FRAMES:
            as_frame(frame)
        elif mode not in (env.metadata or {}).get("render_modes", ()):
            raise ValueError("it has no render mode 'human'")
    except (Exception, SystemExit) as error:  # the environment's own code runs here
        close_environment(env)
        if isinstance(error, NotImplementedError):  # of gymnasium's base class
            error = ValueError("it has no render()")
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        problem = f"environment {name!r} draws no pictures: {kind}{first_line(error)}"
        raise RequestError(problem, key=key) from None
    return env


def drawn(env: gym.Env, mode: str) -> Any:
    """What ``render()`` gives, of retired environments ``render(mode=…)``."""
    own = env.unwrapped.render
    if "mode" in inspect.signature(own).parameters:
        return own(mode=mode)
    return env.render()


def _picture(env: gym.Env, mode: str) -> Any:
    picture = drawn(env, mode)
    return picture if mode == WINDOW else as_frame(picture)


def as_frame(picture: Any) -> np.ndarray:
    """A picture as uint8 [H, W, 3] with even sides, as MP4 needs.

    Raises:
        ValueError: it is not a picture of bytes, [H, W] or [H, W, channels].
    """
    if isinstance(picture, list) and picture:  # of the modes that collect frames
        picture = picture[-1]
    frame = np.asarray(picture)
    if picture is None or frame.dtype.kind not in "ui" or frame.ndim not in (2, 3):
        kind = "None" if picture is None else f"{frame.dtype} of shape {frame.shape}"
        raise ValueError(f"render() returned {kind}, not bytes [H, W, 3]")
    frame = frame[..., None] if frame.ndim == 2 else frame
    if frame.shape[2] not in (1, 3, 4) or 0 in frame.shape:
        raise ValueError(f"render() returned an array of shape {frame.shape}, not [H, W, 3]")
    frame = np.broadcast_to(frame, (*frame.shape[:2], 3)) if frame.shape[2] == 1 else frame[..., :3]
    height, width = frame.shape[:2]
    return np.pad(frame.astype(np.uint8), [(0, height % 2), (0, width % 2), (0, 0)], mode="edge")


def record_episodes(
    runner: VectorEnvRunner,
    env: gym.Env,
    folder: Path | None,
    number: int,
    *,
    explore: bool,
    max_steps: int | None = None,
) -> list[Episode]:
    """Record episodes as `episode-0.mp4`, … in a folder; without one, show them in a window.

    Args:
        runner: acts.
        env: of :func:`drawing_env`; closed at the end.
        folder: for the files.
        number: of episodes.
        explore: sample actions.
        max_steps: agent steps after which an episode is cut.

    Returns:
        The episodes, for the score.

    Raises:
        EnvironmentFault: an episode fails.
    """
    import imageio.v2 as imageio

    episodes = []
    for index in range(number):
        try:
            seed, limit = runner.config.seed + index, 1 + (max_steps or math.inf)
            frames, episode = play_episode(env, runner, explore, seed, limit)
        except (Exception, SystemExit) as error:  # the environment's own code runs here
            where = f"environment {environment_name(runner.config.env)!r}, drawn episode {index}"
            raise EnvironmentFault(f"{where}: {error_line(error)}") from error
        episodes.append(episode)
        if folder is not None:
            file = folder / f"episode-{index}.mp4"
            fps = frames_per_second(env, runner.config)
            # macro_block_size 1: keep the frame size instead of rounding it up to a multiple of 16.
            with atomic_write(file) as draft, draft.open("wb") as handle:
                imageio.mimwrite(handle, frames, format="mp4", fps=fps, macro_block_size=1)
                handle.flush()
                _require_frames(draft, len(frames))
            # Not on standard output, which with --json is one JSON object.
            score = f"return {episode.episode_return:.1f}, {len(frames)} frames"
            print(f"video: {file} ({score})", file=sys.stderr)
    close_environment(env)
    return episodes


def _require_frames(file: Path, number: int) -> None:
    """Read a video back: on a full disk ffmpeg leaves one that is cut off, and imageio does not report it,
    see `findings/imageio-writes-half-a-video-and-returns.sh`.

    Raises:
        OSError: it cannot be read, or lacks frames.
    """
    import imageio_ffmpeg

    try:
        frames, _ = imageio_ffmpeg.count_frames_and_secs(str(file))
    except RuntimeError:
        frames = 0
    if frames != number:
        problem = f"{frames} of {number} frames could be encoded: a full disk or a file size limit?"
        raise OSError(errno.EIO, problem)


def frames_per_second(env: gym.Env, config: Any) -> float:
    """The environment's frame rate; of Atari games every ``frameskip``-th frame is recorded."""
    if is_atari(config.env):
        return max(ATARI_FPS // frames_per_step(config), 1)
    fps = (env.metadata or {}).get("render_fps")
    return float(fps) if isinstance(fps, int | float) and 0 < fps < math.inf else DEFAULT_FPS


def play_episode(
    env: gym.Env, runner: VectorEnvRunner, explore: bool, seed: int, limit: float = math.inf
) -> tuple[list[Any], Episode]:
    """Pictures and score of one episode, up to ``limit`` pictures."""
    mode = env.unwrapped.render_mode or FRAMES
    obs, _ = env.reset(seed=seed)
    recurrent_state = runner.initial_recurrent_state(1)
    frames, total, done = [_picture(env, mode)], 0.0, False
    name = environment_name(runner.config.env)
    hint = "" if math.isfinite(limit) else f"; {HINT}"
    with progress_lines(lambda: f"drawing an episode of {name}: {len(frames) - 1:,} steps{hint}"):
        while not done and len(frames) < limit:
            batch = np.asarray(obs)[None]
            actions = runner.act(batch, explore=explore, recurrent_state=recurrent_state)
            action = action_of(actions, 0)
            obs, reward, terminated, truncated, _ = env.step(action)
            runner.record(recurrent_state, np.array([reward], np.float64))
            frames.append(_picture(env, mode))
            if np.shape(frames[-1]) != np.shape(frames[0]):
                sizes = f"{np.shape(frames[0])[:2]} and {np.shape(frames[-1])[:2]}"
                raise ValueError(f"render() returned pictures of several sizes, {sizes}")
            total += float(reward)
            done = terminated or truncated
    return frames, Episode(total, len(frames) - 1, cut=not done)
