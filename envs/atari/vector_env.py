"""Atari games in ale-py's own vector environment, and their signature.

One copy that can be rendered is in ``envs/atari/single_env.py``. Both have the same observations, set by
``AtariOptions``; ``docs/environments.md`` compares them with gymnasium's wrappers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import ale_py
import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode, VectorEnv

from rllib_zoo.envs.atari.ids import atari_games, canonical_atari_id
from rllib_zoo.envs.atari.options import AtariOptions
from rllib_zoo.envs.errors import EnvironmentRequestError


def make_atari_vector(
    env_id: str,
    num_envs: int,
    env_config: Mapping[str, Any] | None = None,
    num_threads: int = 1,
) -> VectorEnv:
    """``num_envs`` copies of a game, stepped by ale-py's threads; a reset takes a step (NEXT_STEP).

    Rewards are the game's own, never clipped. ``info["game_over"]``, bool [N], is True where a whole
    game ended; that copy's next step is its reset.

    Args:
        env_id: for example ``ALE/Pong-v5``.
        num_envs: N >= 1.
        env_config: see :class:`AtariOptions`.
        num_threads: threads that step the copies, >= 1; ale-py uses no more than there are cores.

    Raises:
        EnvironmentRequestError: unknown game or invalid option.
    """
    if num_threads < 1 or num_envs < 1:
        raise EnvironmentRequestError(
            f"Atari needs at least one copy and one thread, not {num_envs} and {num_threads}"
        )
    game = atari_games()[canonical_atari_id(env_id)]
    return GameVector(game, num_envs, AtariOptions.from_dict(env_config), num_threads)


def atari_seeds(seed: int, num_envs: int) -> np.ndarray:
    """One seed per copy, int32 [N]; neighbouring integers >= 0 share none."""
    # ale-py's seeds are 32-bit signed integers and negative ones mean "none".
    return (np.random.SeedSequence(seed).generate_state(num_envs) >> 1).astype(np.int32)


class GameVector(AtariVectorEnv):
    """ale-py's vector environment that distinguishes lost lives from ended games.

    Observations are uint8 [N, stack, H, W] (colour: [N, stack, H, W, 3]), rewards float64 [N].
    ale-py ends an episode when the console signals it, or at the limit of frames. The number of lives
    does not decide: Adventure ends with one left, Bank Heist plays its last with none. A life is lost,
    as in ale-py and OpenAI Baselines, when the counter decreased and is not 0. (At 0 some games,
    for example Atlantis, continue for a moment and then end: one end, not two.)
    """

    # ale-py writes the mode into this dict; without it into one that all classes share.
    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, game: str, num_envs: int, options: AtariOptions, num_threads: int):
        super().__init__(
            game,
            num_envs,
            num_threads=num_threads,
            max_num_frames_per_episode=options.max_num_frames_per_episode,
            repeat_action_probability=options.repeat_action_probability,
            full_action_space=options.full_action_space,
            autoreset_mode=AutoresetMode.NEXT_STEP,
            img_height=options.screen_size,
            img_width=options.screen_size,
            grayscale=options.grayscale_obs,
            stack_num=options.stack_size,
            frameskip=options.frameskip,
            noop_max=options.noop_max,
            use_fire_reset=options.use_fire_reset,
            reward_clipping=False,
        )
        self._ends_at_lost_lives = options.terminal_on_life_loss
        self._lives = np.zeros(num_envs, np.int32)
        self._over = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | np.ndarray | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Start new games; ``options["reset_mask"]``, bool [N], chooses which.

        Args:
            seed: an integer >= 0 from which every copy's own seed is derived, so that neighbouring
                integers share no game; an int array is one seed per copy, as in ale-py.
            options: see above.
        """
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, bool))
        if seed is not None and not isinstance(seed, np.ndarray):
            seed = atari_seeds(int(seed), self.num_envs)[mask]
        obs, info = super().reset(seed=seed, options=options)
        self._lives = info["lives"]
        self._over = self._over & ~mask
        info["game_over"] = self._over
        return obs, info

    def send(self, actions: np.ndarray) -> None:
        """Send one action to every copy.

        Args:
            actions: integers [N].

        Raises:
            ValueError: an action the game does not have; ale-py's threads would hang.
        """
        if actions.min() < 0 or actions.max() >= self.single_action_space.n:
            raise ValueError(f"actions must be 0 to {self.single_action_space.n - 1}: {actions}")
        super().send(actions)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """One action for every copy; see :meth:`recv`."""
        self.send(actions)
        return self.recv()

    def recv(
        self,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Observations, raw rewards, terminated, truncated and info after the actions sent."""
        obs, rewards, terminated, truncated, info = super().recv()
        was_over, self._over = self._over, terminated | truncated
        lives = info["lives"]
        if self._ends_at_lost_lives:
            # A new game may start with fewer lives than a truncated one still had.
            lost = (lives < self._lives) & (lives > 0) & ~was_over
            terminated = terminated | lost
            truncated = truncated & ~lost
        self._lives = lives
        info["game_over"] = self._over
        return obs, rewards.astype(np.float64), terminated, truncated, info


def atari_signature(env_id: str, env_config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What must be equal for scores to be comparable: id, all options with defaults, the ROM's MD5.

    Raises:
        EnvironmentRequestError: unknown game or invalid option.
    """
    env_id = canonical_atari_id(env_id)
    options = asdict(AtariOptions.from_dict(env_config))
    return {"id": env_id, **options, "rom_md5": _rom_md5(atari_games()[env_id])}


@cache
def _rom_md5(game: str) -> str:
    path = ale_py.roms.get_rom_path(game)
    assert path is not None, "ale-py registered the game"
    return hashlib.md5(path.read_bytes()).hexdigest()
