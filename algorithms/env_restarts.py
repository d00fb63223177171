"""A whole vector environment built anew, where its copies cannot be one by one.

Single copies of ``sync`` and ``async`` mend themselves (:mod:`envs.watched`). What arrives here
comes from an environment's own vector version, or from a process of ``async`` that died or hangs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv, VectorEnv

from envs import RESTARTS, RESTARTS_IN_A_ROW, EnvironmentFault, StepTimeout
from envs.watched import KEY, described, seed_after

logger = logging.getLogger(__name__)

Outcome = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


@dataclass
class VectorBuilder:
    """How a vector environment is made, and what messages say of it.

    Attributes:
        name: of the environment.
        build: makes it.
        restart: whether it may be built anew.
        seed: the last it was reset with; None without.
        restarts: how often it was built anew.
        in_a_row: how often since the last good step.
    """

    name: str
    build: Callable[[], VectorEnv]
    restart: bool
    seed: Any = None
    restarts: int = 0
    in_a_row: int = 0

    def require_layout(self, env: VectorEnv, obs: np.ndarray) -> None:
        """Check the form of observations [N, …] where single copies were not watched.

        Raises:
            EnvironmentFault: their shape or dtype is not what the space says. Assigned to a
                rollout's rows they would be stretched or cut without a word.
        """
        space = env.single_observation_space
        expected = (env.num_envs, *(space.shape or ()))
        if np.shape(obs) != expected:
            raise EnvironmentFault(
                f"environment {self.name!r}: observations of {env.num_envs} copies have shape "
                f"{np.shape(obs)}, the space says {expected}"
            )
        if not np.can_cast(obs.dtype, space.dtype, "same_kind"):
            raise EnvironmentFault(
                f"environment {self.name!r}: observations have dtype {obs.dtype}, the space says "
                f"{space.dtype}"
            )

    def next_seed(self) -> int | None:
        """As :func:`envs.watched.seed_after`, by the first copy's seed."""
        first = None if self.seed is None else int(np.ravel(self.seed)[0])
        return seed_after(first, self.restarts)


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
        line = f"environment {builder.name!r}, {env.num_envs} copies: {described(error)}"
        if not builder.restart:
            raise EnvironmentFault(f"{line}; {KEY}: true would build it anew") from error
        builder.restarts += 1
        builder.in_a_row += 1
        if builder.in_a_row > RESTARTS_IN_A_ROW:
            raise EnvironmentFault(
                f"{line}, after it was built anew {RESTARTS_IN_A_ROW} times in a row"
            ) from error
        if builder.restarts.bit_count() == 1:  # the 1st, 2nd, 4th, 8th, …: logs stay short
            logger.warning("%s; it is built anew (number %d)", line, builder.restarts)
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
