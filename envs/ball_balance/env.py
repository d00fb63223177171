"""3D ball balancing: boards that are tilted so that a ball stays on them, as ML-Agents' 3DBall.

N boards live in one MuJoCo scene and are one native vector environment; one board that can be filmed
is an environment of its own. Both are reached by the id ``3DBall-v0`` through ``envs/factory.py``.
Observations, actions, rewards and ends: ``docs/3dball.md``; physics: ``envs/ball_balance/scene.py``.
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
# The Unity scene has so many.
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
    """Draws a board's starts; the same whatever the number of boards beside it."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(board,)))


class BallBalanceVector(VectorEnv):
    """N boards in one scene; a board whose episode ends starts anew in the same step (SAME_STEP).

    ``info["final_obs"]``, float32 [N, 8], is there in steps in which episodes ended, and
    ``info["_final_obs"]``, bool [N], says whose: those rows hold what was seen last.

    Args:
        num_envs: N >= 1.
        options: keys of :class:`BallOptions`.

    Raises:
        ValueError: no board, or a wrong option.
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
        """Start new episodes; ``options["reset_mask"]``, bool [N], chooses which, the others go on.

        Args:
            seed: from which every board's own generator is made; a sequence [N] is one seed per
                board, each as for a scene of that board alone. None: the generators go on.
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
            made = [board_generator(int(seed), i) for i in range(n)]
        else:
            made = [board_generator(int(s), 0) for s in seed]
        if not self._generators:
            self._generators = made
        for i in chosen:
            self._generators[i] = made[i]

    def _begin(self, boards: np.ndarray) -> None:
        self.scene.begin(boards.tolist(), self._generators)
        self._decisions[boards] = 0

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision of every board.

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
    """One board; with ``render_mode="rgb_array"`` it is drawn.

    Args:
        render_mode: None or ``rgb_array``.
        options: keys of :class:`BallOptions`.

    Raises:
        ValueError: a wrong option or render mode.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": DECISIONS_PER_SECOND}

    def __init__(self, render_mode: str | None = None, **options: Any):
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode {render_mode!r} is not offered, only 'rgb_array'")
        self.observation_space, self.action_space = spaces_of_one()
        self.render_mode = render_mode
        self._options = BallOptions.from_dict(options)
        self.scene = BallScene(1, self._options)
        self._decisions = 0
        self._generator: np.random.Generator | None = None
        self._picture: Any = None

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
        """One decision; see :meth:`BallBalanceVector.step`."""
        terminated = bool(self.scene.advance(np.asarray(action)[None])[0])
        self._decisions += 1
        truncated = not terminated and self._decisions >= self._options.max_decisions
        reward = REWARD_DROPPED if terminated else REWARD_KEPT
        return self.scene.observations()[0], reward, terminated, truncated, {}

    def render(self) -> np.ndarray | None:
        """The picture, uint8 [240, 320, 3]; None where nothing is drawn."""
        if self.render_mode is None:
            return None
        if self._picture is None:
            from rllib_zoo.envs.ball_balance.render import BallPicture

            self._picture = BallPicture(self.scene)
        return self._picture.draw()

    def close(self) -> None:
        """Give back what drawing took."""
        if self._picture is not None:
            self._picture.close()
            self._picture = None
