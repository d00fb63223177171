"""MuJoCo's tasks as a native vector environment: MuJoCo steps all copies in its own threads.

Physics: ``mujoco.batch.Batch``; starts: gymnasium's own code; rewards: gymnasium's formulas in
``envs/mujoco/tasks.py``. Tested bit by bit against gymnasium's ``SyncVectorEnv``.
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
    """Whether the environment is in ``TASKS`` and the installed MuJoCo can step batches."""
    if env_id not in TASKS:
        return False
    try:
        importlib.import_module("mujoco.batch")
    except ImportError:  # older than 4.0, or missing: gymnasium raises a clear error
        return False
    return True


class MujocoVectorEnv(VectorEnv):
    """``num_envs`` copies of one of gymnasium's MuJoCo tasks.

    Like gymnasium's vector environments in NEXT_STEP mode: the step after an end is the reset. ``info``
    is empty; gymnasium's has the terms of the reward.

    Raises:
        whatever ``gymnasium.make`` raises for these options.
    """

    def __init__(self, env_id: str, num_envs: int, threads: int = 1, **options: Any):
        """``options`` are keyword arguments of ``gymnasium.make``; ``threads`` step the copies."""
        self._arguments, self._options = (env_id, num_envs, threads), options
        self._single = gym.make(env_id, **options)
        single: Any = self._single.unwrapped
        self.num_envs = num_envs
        self.spec = self._single.spec
        self.metadata = {**self._single.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.single_observation_space = self._single.observation_space
        self.single_action_space = self._single.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mujoco = importlib.import_module("mujoco")
        batch = importlib.import_module("mujoco.batch")
        self._batch = batch.Batch(single.model, num_envs, min(threads, num_envs))
        self._task = TASKS[env_id](self._batch, single, _task_options(single, options))
        self._ctrl, self._frames = self._batch.bind("ctrl"), single.frame_skip
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
        # None means all copies, faster than their indices.
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
        """Start an episode in copy i, drawn by gymnasium's own environment; its observation."""
        self._single.unwrapped.np_random = self._generators[i]
        obs, _ = self._single.reset()
        single: Any = self._single.unwrapped
        kind = self._mujoco.mjtState.mjSTATE_INTEGRATION
        self._mujoco.mj_getState(single.model, single.data, self._batch.state[i], kind)
        self._elapsed[i] = 0
        return obs

    def close_extras(self, **_: Any) -> None:
        """gymnasium's hook."""
        if hasattr(self, "_single"):  # missing if gymnasium.make raised
            self._single.close()

    def __getstate__(self) -> dict[str, Any]:
        """The state of running episodes: physics, step counts and generators."""
        return {
            "arguments": self._arguments,
            "options": self._options,
            "state": self._batch.state.copy(),
            "generators": self._generators,
            "elapsed": self._elapsed,
            "ended": self._ended,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["arguments"], **state["options"])  # type: ignore[misc]
        self._batch.state[:] = state["state"]
        self._generators, self._elapsed = state["generators"], state["elapsed"]
        self._ended = state["ended"]


def _task_options(single: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of the environment's class: its defaults, the registry's and ``options``."""
    parameters = inspect.signature(type(single).__init__).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return {**defaults, **gym.spec(single.spec.id).kwargs, **options}
