"""One copy of an Atari game built from gymnasium's wrappers, which can be rendered.

Starts, observations and truncation are those of ale-py's vector environment (``envs/atari/vector_env.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import ale_py
import gymnasium as gym
import numpy as np
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

from rllib_zoo.envs.atari.ids import canonical_atari_id
from rllib_zoo.envs.atari.options import AtariOptions


def make_atari_single(
    env_id: str,
    env_config: Mapping[str, Any] | None = None,
    render_mode: str | None = None,
) -> gym.Env:
    """One copy built from gymnasium's wrappers, for videos and checks; an episode is a whole game.

    Observations as in ``make_atari_vector``, [stack, H, W] uint8. ``render()`` returns the console's
    picture, [210, 160, 3] for most games.

    Raises:
        EnvironmentRequestError: unknown game or invalid option.
    """
    options = AtariOptions.from_dict(env_config)
    _silence_banner()
    env = gym.make(
        canonical_atari_id(env_id),
        frameskip=1,
        repeat_action_probability=options.repeat_action_probability,
        full_action_space=options.full_action_space,
        max_num_frames_per_episode=None,
        render_mode=render_mode,
        disable_env_checker=True,
    )
    env = AtariPreprocessing(
        StartAndLimit(env, options),
        noop_max=0,
        frame_skip=options.frameskip,
        screen_size=options.screen_size,
        grayscale_obs=options.grayscale_obs,
    )
    return FrameStackObservation(env, options.stack_size, padding_type="zero")


class StartAndLimit(gym.Wrapper):
    """Starts and truncates games frame by frame as ale-py's vector environment does.

    With ``use_fire_reset``, FIRE for one frame if the game has it; then n idle frames, n uniform below
    ``noop_max`` (one fewer after FIRE). The limit counts frames after these.
    """

    def __init__(self, env: gym.Env, options: AtariOptions):
        super().__init__(env)
        self._noop_max = options.noop_max
        self._limit = options.max_num_frames_per_episode
        meanings = env.unwrapped.get_action_meanings()
        self._fire = meanings.index("FIRE") if "FIRE" in meanings else None
        if not options.use_fire_reset:
            self._fire = None
        self._frames = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        obs, info = self.env.reset(seed=seed, options=options)
        idle = int(self.unwrapped.np_random.integers(max(self._noop_max, 1)))
        presses = [] if self._fire is None else [self._fire]
        for action in [*presses, *[0] * (idle - len(presses))]:
            obs, _, terminated, _, now = self.env.step(action)
            if terminated:
                obs, now = self.env.reset()
            info |= now
        self._frames = 0
        return obs, info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, _, info = self.env.step(action)
        self._frames += 1
        truncated = self._frames >= self._limit and not terminated
        return obs, float(reward), terminated, truncated, info


@cache
def _silence_banner() -> None:
    """Hide the banner that ale-py prints for every game; errors stay visible."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
