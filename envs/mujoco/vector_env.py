"""MuJoCo's tasks as one native vector environment: MuJoCo steps all copies in threads of its own.

The physics is ``mujoco.batch.Batch``, starts are drawn by gymnasium's own code, the formulas of
:mod:`envs.mujoco_tasks` are gymnasium's. Tested bit by bit against gymnasium's ``SyncVectorEnv``.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rllib_zoo.envs.mujoco.tasks import TASKS

Array = np.ndarray


def has_native_vector(env_id: str) -> bool:
    """Whether the environment is a task of :data:`TASKS` and this MuJoCo can step batches."""
    if env_id not in TASKS:
        return False
    try:
        importlib.import_module("mujoco.batch")
    except ImportError:  # older than 4.0, or not there: gymnasium says so
        return False
    return True


class MujocoVectorEnv(VectorEnv):
    """``num_envs`` copies of one of gymnasium's MuJoCo tasks.

    As gymnasium's vector environments in their mode NEXT_STEP: the step after an end is spent on the
    reset. ``info`` is empty: gymnasium's holds the terms of the reward.

    Raises:
        whatever ``gymnasium.make`` raises for these options.
    """

    def __init__(self, env_id: str, num_envs: int, threads: int = 1, **options: Any):
        """``options`` are keyword arguments of ``gymnasium.make``; ``threads`` step the copies."""
        self._recipe, self._options = (env_id, num_envs, threads), options
        self._draw = gym.make(env_id, **options)
        world: Any = self._draw.unwrapped
        self.num_envs = num_envs
        self.spec = self._draw.spec
        self.metadata = {**self._draw.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.single_observation_space = self._draw.observation_space
        self.single_action_space = self._draw.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mujoco = importlib.import_module("mujoco")
        batch = importlib.import_module("mujoco.batch")
        # More threads than copies would have nothing to do.
        self._batch = batch.Batch(world.model, num_envs, min(threads, num_envs))
        self._task = TASKS[env_id](self._batch, world, _arguments(world, options))
        self._ctrl, self._frames = self._batch.bind("ctrl"), world.frame_skip
        self._limit = self.spec.max_episode_steps or np.inf
        self._generators = [seeding.np_random()[0] for _ in range(num_envs)]
        self._elapsed = np.zeros(num_envs, np.int64)
        self._ended = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin an episode in every copy; copy i is seeded with ``seed + i``."""
        del options
        if seed is not None:
            self._generators = [seeding.np_random(seed + i)[0] for i in range(self.num_envs)]
        self._ended[:] = False
        return np.stack([self._begin(i) for i in range(self.num_envs)]), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """One action [N, nu] for every copy."""
        begins = np.flatnonzero(self._ended).tolist()
        self._task.begin_step()
        self._ctrl[:] = actions
        # None is all of them, quicker than their numbers.
        playing = np.flatnonzero(~self._ended) if begins else None
        if playing is None or len(playing):
            self._batch.step(playing, nstep=self._frames)
        obs, rewards, terminated = self._task.outcome(actions)
        self._elapsed += 1
        truncated = self._elapsed >= self._limit
        for i in begins:
            obs[i] = self._begin(i)
            rewards[i], terminated[i], truncated[i] = 0.0, False, False
        self._ended = terminated | truncated
        return obs, rewards, terminated, truncated, {}

    def _begin(self, i: int) -> Array:
        """A start for copy i, drawn by gymnasium's own environment; its observation."""
        self._draw.unwrapped.np_random = self._generators[i]
        obs, _ = self._draw.reset()
        world: Any = self._draw.unwrapped
        kind = self._mujoco.mjtState.mjSTATE_INTEGRATION
        self._mujoco.mj_getState(world.model, world.data, self._batch.state[i], kind)
        self._elapsed[i] = 0
        return obs

    def close_extras(self, **_: Any) -> None:
        """gymnasium's hook."""
        if hasattr(self, "_draw"):  # else gymnasium refused the options
            self._draw.close()

    def __getstate__(self) -> dict[str, Any]:
        """What running episodes go on from: physics, clocks and generators."""
        return {
            "recipe": self._recipe,
            "options": self._options,
            "state": self._batch.state.copy(),
            "generators": self._generators,
            "elapsed": self._elapsed,
            "ended": self._ended,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["recipe"], **state["options"])  # type: ignore[misc]
        self._batch.state[:] = state["state"]
        self._generators, self._elapsed = state["generators"], state["elapsed"]
        self._ended = state["ended"]


def _arguments(world: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the environment's class: its defaults, the registry's and those given."""
    parameters = inspect.signature(type(world).__init__).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return {**defaults, **gym.spec(world.spec.id).kwargs, **options}
