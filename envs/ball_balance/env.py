"""3D ball balancing: tilt a board so that a ball stays on it, as in ML-Agents' 3DBall.

N boards in one MuJoCo scene are a native vector environment; a single board can be rendered. Both have
the id ``3DBall-v0`` in ``envs/factory.py``. Observations, actions, rewards and terminations:
``docs/3dball.md``; physics: ``envs/ball_balance/scene.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rllib_zoo.envs.ball_balance.scene import FIXED_STEP, STEPS_PER_DECISION, BallOptions, BallScene

ENV_ID = "3DBall-v0"
# As many as in the Unity scene.
NUM_BOARDS = 12
REWARD_KEPT, REWARD_DROPPED = 0.1, -1.0
DECISIONS_PER_SECOND = round(1 / (FIXED_STEP * STEPS_PER_DECISION))

SPEC = EnvSpec(
    id=ENV_ID,
    entry_point="rllib_zoo.envs.ball_balance.env:BallBalance",
    vector_entry_point="rllib_zoo.envs.ball_balance.env:BallBalanceVector",
    disable_env_checker=True,
    order_enforce=False,
)


def spaces_of_one() -> tuple[gym.spaces.Box, gym.spaces.Box]:
    """Observation and action space of one board."""
    return (
        gym.spaces.Box(-np.inf, np.inf, (8,), np.float32),
        gym.spaces.Box(-1.0, 1.0, (2,), np.float32),
    )


def board_generator(seed: int, board: int) -> np.random.Generator:
    """The generator of a board's starts; independent of the number of boards."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(board,)))


class BallBalanceVector(VectorEnv):
    """N boards in one scene; a board whose episode ends is reset in the same step (SAME_STEP).

    In steps in which episodes end, ``info["_final_obs"]``, bool [N], marks their boards, and
    ``info["final_obs"]``, float32 [N, 8], has their last observations.

    Args:
        num_envs: N >= 1.
        options: keys of :class:`BallOptions`.

    Raises:
        ValueError: ``num_envs`` below 1, or an invalid option.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_fps": DECISIONS_PER_SECOND}

    def __init__(self, num_envs: int = NUM_BOARDS, **options: Any):
        if num_envs < 1:
            raise ValueError(f"needs at least one board, not {num_envs}")
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = spaces_of_one()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._options = BallOptions.from_dict(options)
        self.scene = BallScene(num_envs, self._options)
        self._decisions = np.zeros(num_envs, np.int64)
        self._generators: list[np.random.Generator] = []

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start new episodes; ``options["reset_mask"]``, bool [N], selects boards, the others go on.

        Args:
            seed: every board's generator is derived from it; a sequence [N] is one seed per board, as
                for a scene of that board alone. None: the generators continue.
            options: see above.
        """
        mask = (options or {}).get("reset_mask")
        chosen = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        if seed is None and not self._generators:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if seed is not None:
            self._seed(seed, chosen)
        self._begin(chosen)
        return self.scene.observations(), {}

    def _seed(self, seed: int | Sequence[int], chosen: np.ndarray) -> None:
        n = self.num_envs
        if isinstance(seed, int | np.integer):
            generators = [board_generator(int(seed), i) for i in range(n)]
        else:
            generators = [board_generator(int(s), 0) for s in seed]
        if not self._generators:
            self._generators = generators
        for i in chosen:
            self._generators[i] = generators[i]

    def _begin(self, boards: np.ndarray) -> None:
        self.scene.begin(boards.tolist(), self._generators)
        self._decisions[boards] = 0

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One action for every board.

        Args:
            actions: [N, 2], see :meth:`BallScene.advance`.

        Returns:
            Observations float32 [N, 8], rewards float64 [N], terminated and truncated bool [N], info.

        Raises:
            ValueError: an action is not a finite number.
        """
        terminated = self.scene.advance(np.asarray(actions))
        self._decisions += 1
        truncated = ~terminated & (self._decisions >= self._options.max_decisions)
        rewards = np.where(terminated, REWARD_DROPPED, REWARD_KEPT)
        obs, info = self.scene.observations(), {}
        done = terminated | truncated
        if done.any():
            info = {"final_obs": obs, "_final_obs": done}
            self._begin(np.flatnonzero(done))
            obs = self.scene.observations()
        return obs, rewards, terminated, truncated, info


class BallBalance(gym.Env):
    """One board, which can be rendered.

    Args:
        render_mode: None or ``rgb_array``.
        options: keys of :class:`BallOptions`.

    Raises:
        ValueError: an invalid option or render mode.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": DECISIONS_PER_SECOND}

    def __init__(self, render_mode: str | None = None, **options: Any):
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode {render_mode!r} is not supported, only 'rgb_array'")
        self.observation_space, self.action_space = spaces_of_one()
        self.render_mode = render_mode
        self._options = BallOptions.from_dict(options)
        self.scene = BallScene(1, self._options)
        self._decisions = 0
        self._generator: np.random.Generator | None = None
        self._renderer: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new episode: that of a :class:`BallBalanceVector` of one board with this seed."""
        if seed is not None:
            self._generator = board_generator(seed, 0)
        elif self._generator is None:
            self._generator = np.random.default_rng()
        self.scene.begin([0], [self._generator])
        self._decisions = 0
        return self.scene.observations()[0], {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One action; see :meth:`BallBalanceVector.step`."""
        terminated = bool(self.scene.advance(np.asarray(action)[None])[0])
        self._decisions += 1
        truncated = not terminated and self._decisions >= self._options.max_decisions
        reward = REWARD_DROPPED if terminated else REWARD_KEPT
        return self.scene.observations()[0], reward, terminated, truncated, {}

    def render(self) -> np.ndarray | None:
        """The image, uint8 [240, 320, 3]; None without a render mode."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            from rllib_zoo.envs.ball_balance.render import BallRenderer

            self._renderer = BallRenderer(self.scene)
        return self._renderer.draw()

    def close(self) -> None:
        """Release the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
