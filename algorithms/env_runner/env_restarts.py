"""A whole vector environment built anew, where its copies cannot be one by one.

Single copies of ``sync`` and ``async`` mend themselves (:mod:`envs.watched`). What arrives here
comes from an environment's own vector version, or from a process of ``async`` that died or hangs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

from rllib_zoo.envs import RESTARTS, EnvironmentFault, StepTimeout
from rllib_zoo.envs.restart_policy import Restarts, error_line
from rllib_zoo.envs.space_checks import mismatch

Outcome = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


@dataclass
class VectorBuilder:
    """How a vector environment is made, and what messages say of it.

    Attributes:
        name: of the environment.
        build: makes it.
        restarts: how often it was built anew, and whether it may be.
        seed: the last it was reset with; None without.
    """

    name: str
    build: Callable[[], VectorEnv]
    restarts: Restarts
    seed: Any = None
    # An environment and the space of all its copies: making that takes longer than a step of CartPole.
    _checked: tuple[VectorEnv, gym.Space] | None = field(default=None, init=False, repr=False)

    def require_layout(self, env: VectorEnv, obs: np.ndarray) -> None:
        """Check the form of observations [N, …] where single copies were not watched.

        Raises:
            EnvironmentFault: their shape or dtype is not what the space says. Assigned to a
                rollout's rows they would be stretched or cut without a word.
        """
        if self._checked is None or self._checked[0] is not env:
            self._checked = env, batch_space(env.single_observation_space, env.num_envs)
        found = mismatch(self._checked[1], obs)
        if found:
            raise EnvironmentFault(f"environment {self.name!r}, {env.num_envs} copies: {found}")

    def next_seed(self) -> int | None:
        """As :meth:`envs.restarts.Restarts.seed_after`, by the first copy's seed."""
        first = None if self.seed is None else int(np.ravel(self.seed)[0])
        return self.restarts.seed_after(first)


def begun_anew(
    builder: VectorBuilder, env: VectorEnv, error: Exception
) -> tuple[VectorEnv, Outcome]:
    """A new vector environment after ``error``, and what stands for the step that had no outcome.

    Raises:
        EnvironmentFault: it is not to be built anew, or that fails too often in a row.
    """
    while True:
        if isinstance(error, EnvironmentFault):  # a copy's, with its step
            raise error
        line = f"environment {builder.name!r}, {env.num_envs} copies: {error_line(error)}"
        builder.restarts.count(line, error)
        close(env, hung=isinstance(error, StepTimeout))
        try:
            env = builder.build()
            obs, info = env.reset(seed=builder.next_seed())
        except Exception as again:
            error = again
            continue
        none = np.zeros(env.num_envs, bool)
        anew = np.full(env.num_envs, 1) + info.get(RESTARTS, 0)
        return env, (obs, np.zeros(env.num_envs), none, none.copy(), {RESTARTS: anew})


def close(env: VectorEnv, *, hung: bool) -> None:
    """Close a broken vector environment as far as it lets itself be closed."""
    with contextlib.suppress(Exception):
        if isinstance(env.unwrapped, AsyncVectorEnv):
            env.close(terminate=True)  # a process that died or hangs answers no request to close
        elif not hung:
            env.close()
