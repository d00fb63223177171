"""One copy of an environment, watched: what it breaks is named, and it can be built anew."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from rllib_zoo.envs.errors import EnvironmentFault, StepTimeout
from rllib_zoo.envs.restart_policy import RESTARTS, Restarts, described
from rllib_zoo.envs.space_checks import mismatch


class WatchedEnv(gym.Wrapper):
    """A copy whose faults are named, or mended by building it anew.

    A step that raised has no outcome: the new copy's first observation comes back with reward 0,
    no end, and ``info["env_restarts"]``; the caller leaves the step out of everything.
    Observations of another shape or dtype than the space's are never mended: building anew would
    not change them.

    Raises (in ``reset`` and ``step``):
        EnvironmentFault: one line with environment, copy, step and cause.
    """

    env: gym.Env

    def __init__(self, env: gym.Env, name: str, index: int, create: Callable[[], gym.Env] | None):
        """``name`` and ``index`` tell which copy of what it is; without ``create`` nothing is mended."""
        super().__init__(env)
        self._name, self._create, self._index = name, create, index
        # Resets and steps begun: who waits for a whole vector sees which copy it waits for.
        self.beats = 0
        self._reset_at = 0
        self._restarts = Restarts(allowed=create is not None)
        self._seed: int | None = None
        space = self.env.observation_space
        self._shape = space.shape if isinstance(space, gym.spaces.Box) else None
        self._dtypes = {space.dtype}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """As the environment; builds it anew where that fails."""
        self._seed = self._seed if seed is None else seed
        self.beats += 1
        self._reset_at = self.beats
        try:
            obs, info = self.env.reset(seed=seed, options=options)
        except Exception as error:
            obs, info = self._mended(error, "reset")
        self._require_fit(obs)
        return obs, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """As the environment; builds it anew where that fails."""
        self.beats += 1
        try:
            obs, reward, terminated, truncated, info = self.env.step(action)
        except Exception as error:
            obs, info = self._mended(error, self._where(), action)
            self._reset_at = self.beats
            self._require_fit(obs)
            return obs, 0.0, False, False, info
        self._restarts.in_a_row = 0
        self._require_fit(obs)
        return obs, reward, terminated, truncated, info

    def _require_fit(self, obs: Any) -> None:
        """Raises EnvironmentFault where an observation is not what the space says."""
        # The quick way costs 0.1 µs; a dtype that casts is remembered.
        if type(obs) is np.ndarray and obs.shape == self._shape and obs.dtype in self._dtypes:
            return
        found = mismatch(self.env.observation_space, obs)
        if found:
            raise EnvironmentFault(f"{self._which()}: {found} (at {self._where()})")
        if isinstance(obs, np.ndarray):
            self._dtypes.add(obs.dtype)

    def _where(self) -> str:
        steps = self.beats - self._reset_at
        return f"step {steps} of an episode" if steps else "reset"

    def _which(self) -> str:
        return f"environment {self._name!r}, copy {self._index}"

    def _mended(self, error: Exception, where: str, action: Any = None) -> tuple[Any, dict]:
        """Build the copy anew until it resets; its first observation and the info."""
        began = self._restarts.total
        while True:
            line = f"{self._which()}: {described(error)} in {where}{_broken(action)}"
            self._restarts.count(line, error)
            assert self._create is not None
            if not isinstance(error, StepTimeout):  # closing may hang as well
                with contextlib.suppress(Exception):
                    self.env.close()
            try:
                self.env = self._create()
                obs, info = self.env.reset(seed=self._restarts.seed_after(self._seed))
            except Exception as again:
                error, where, action = again, "reset", None
            else:
                return obs, {**info, RESTARTS: self._restarts.total - began}


def watched(name: str, index: int, create: Callable[[], gym.Env], restart: bool) -> gym.Env:
    """A copy made by ``create``, watched; one that only looks like gymnasium's stays as it is."""
    made = create()
    if not isinstance(made, gym.Env):
        return made
    return WatchedEnv(made, name, index, create if restart else None)


def _broken(action: Any) -> str:
    """A hint where the environment was given what is no number."""
    kind = getattr(action, "dtype", None)
    if kind is None or kind.kind != "f" or np.isfinite(action).all():
        return ""
    return " (its action was not finite)"
