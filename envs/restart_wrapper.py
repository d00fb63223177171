"""A wrapper of one copy of an environment that names its faults and can restart it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from rllib_zoo.envs.closing import close_environment
from rllib_zoo.envs.errors import EnvironmentFault
from rllib_zoo.envs.restart_policy import RESTARTS, Restarts, error_line
from rllib_zoo.envs.space_checks import mismatch, reward_mismatch


class RestartableEnv(gym.Wrapper):
    """A copy that is restarted when it raises, or whose faults are named.

    A step that raised has no outcome: it returns the new copy's first observation with reward 0, no
    end, and ``info["env_restarts"]``; the caller must discard the step. Observations with another
    shape or dtype than the space's always raise: a restart would not change them.

    Raises (in ``reset`` and ``step``):
        EnvironmentFault: one line with environment, copy, step and cause.
    """

    env: gym.Env

    def __init__(self, env: gym.Env, name: str, index: int, create: Callable[[], gym.Env] | None):
        """``name`` and ``index`` identify the copy in messages; without ``create`` it is never restarted."""
        super().__init__(env)
        self._name, self._create, self._index = name, create, index
        # Number of resets and steps so far, and at the last reset.
        self._num_calls = 0
        self._reset_at = 0
        self._restarts = Restarts(allowed=create is not None)
        self._seed: int | None = None
        space = self.env.observation_space
        self._shape = space.shape if isinstance(space, gym.spaces.Box) else None
        self._dtypes = {space.dtype}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Like the environment's; restarts it if that raises."""
        self._seed = self._seed if seed is None else seed
        self._num_calls += 1
        self._reset_at = self._num_calls
        try:
            obs, info = self.env.reset(seed=seed, options=options)
        except (Exception, SystemExit) as error:
            obs, info = self._restart(error, "reset")
        self._require_fit(obs)
        return obs, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Like the environment's; restarts it if that raises."""
        self._num_calls += 1
        try:
            obs, reward, terminated, truncated, info = self.env.step(action)
        except (Exception, SystemExit) as error:
            obs, info = self._restart(error, self._where(), action)
            self._reset_at = self._num_calls
            self._require_fit(obs)
            return obs, 0.0, False, False, info
        self._restarts.in_a_row = 0
        self._require_fit(obs)
        if type(reward) is not float and (problem := reward_mismatch(reward)):
            raise EnvironmentFault(f"{self._which()}: {problem} (at {self._where()})")
        return obs, reward, terminated, truncated, info

    def _require_fit(self, obs: Any) -> None:
        """Raises EnvironmentFault if an observation has the wrong structure, shape or dtype."""
        # This check costs 0.1 µs; a dtype that casts is added to it.
        if type(obs) is np.ndarray and obs.shape == self._shape and obs.dtype in self._dtypes:
            return
        if problem := mismatch(self.env.observation_space, obs):
            raise EnvironmentFault(f"{self._which()}: {problem} (at {self._where()})")
        if isinstance(obs, np.ndarray):
            self._dtypes.add(obs.dtype)

    def _where(self) -> str:
        steps = self._num_calls - self._reset_at
        return f"step {steps} of an episode" if steps else "reset"

    def _which(self) -> str:
        return f"environment {self._name!r}, copy {self._index}"

    def _restart(self, error: BaseException, where: str, action: Any = None) -> tuple[Any, dict]:
        """Restart the copy until a reset succeeds; its first observation and the info."""
        began = self._restarts.total
        while True:
            line = f"{self._which()}: {error_line(error)} in {where}{_action_hint(action)}"
            self._restarts.count(line, error)
            assert self._create is not None
            close_environment(self.env)
            try:
                self.env = self._create()
                obs, info = self.env.reset(seed=self._restarts.seed_after(self._seed))
            except (Exception, SystemExit) as again:
                error, where, action = again, "reset", None
            else:
                return obs, {**info, RESTARTS: self._restarts.total - began}


def restartable(name: str, index: int, create: Callable[[], gym.Env], restart: bool) -> gym.Env:
    """A wrapped copy; unwrapped if ``create`` returns something that is not a ``gymnasium.Env``."""
    env = create()
    if not isinstance(env, gym.Env):
        return env
    return RestartableEnv(env, name, index, create if restart else None)


def _action_hint(action: Any) -> str:
    """A hint if the action was NaN or infinite."""
    kind = getattr(action, "dtype", None)
    if kind is None or kind.kind != "f" or np.isfinite(action).all():
        return ""
    return " (its action was not finite)"
