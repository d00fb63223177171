"""Vector environments of a runner: stepping, running episodes, restarts after failures, checkpoints.

Single copies of ``sync`` and ``async`` vector environments are restarted one by one
(``rllib_zoo.envs.restart_wrapper``). What is restarted here is a whole vector environment: an
environment's own vector version that raised, or ``async`` after one of its processes died.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.utils import EzPickle
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from ray import cloudpickle
from ray.rllib.env.env_context import EnvContext

from rllib_zoo.algorithms.env_runner.episodes import Episode, EpisodeCounter
from rllib_zoo.algorithms.env_runner.policy import RecurrentState
from rllib_zoo.algorithms.runtime import ThreadPool
from rllib_zoo.envs import (
    RESTARTS,
    EnvironmentFault,
    close_environment,
    environment_name,
    is_atari,
    make_vector_env,
)
from rllib_zoo.envs.restart_policy import Restarts, error_line
from rllib_zoo.envs.space_checks import mismatch

Step = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any], list[tuple[int, Episode]]]


class EnvGroup:
    """One vector environment of N copies and its running episodes.

    Args:
        name: of the environment, for error messages.
        build: creates the vector environment, at the start and after a failure.
        restarts: counts restarts and limits them.
        first: index of the first copy among all environments of the runner.

    Attributes:
        env: the vector environment.
        columns: the columns [first, first + N) of a rollout that belong to the group.
        obs: [N, …] the last observations, unfiltered.
        counter: returns and lengths of the running episodes.
        same_step: whether the environment resets within the step that ends an episode.
        recurrent_state: of the running episodes; None for policies without one.
        lost: bool [N], True where the copy failed in the last step and was restarted: that step has
            no outcome, and the running episode is discarded. None if no copy failed.
        restarts_since_end: int64 [N], restarts of each copy since its last finished episode.
    """

    def __init__(
        self, name: str, build: Callable[[], VectorEnv], restarts: Restarts, first: int = 0
    ):
        self.name, self._build, self._restarts = name, build, restarts
        self.env = build()
        self.columns = slice(first, first + self.env.num_envs)
        self.same_step = self.env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP
        self.recurrent_state: RecurrentState | None = None
        self.lost: np.ndarray | None = None
        self.restarts_since_end = np.zeros(self.env.num_envs, np.int64)
        self._seed: int | np.ndarray | None = None
        self._num_restarts = 0
        # A vector environment and its batched space: creating that takes longer than a CartPole step.
        self._batched_space: tuple[VectorEnv, gym.Space] | None = None

    def reset(self, seed: int | np.ndarray | None = None) -> None:
        """Start new episodes in every copy.

        Raises:
            EnvironmentFault: see :meth:`step`.
        """
        self._seed = self._seed if seed is None else seed
        try:
            self.obs, info = self.env.reset(seed=seed)
        except (Exception, SystemExit) as error:
            info = self._restart(error)
        self._num_restarts += int(np.sum(info.get(RESTARTS, 0)))
        self.check_observation_space()
        self.counter = EpisodeCounter(self.env.num_envs, same_step=self.same_step)
        self.restarts_since_end[:] = 0
        if self.recurrent_state is not None:
            self.recurrent_state.reset()

    def step(self, actions: np.ndarray) -> Step:
        """Step every copy.

        Returns:
            Raw rewards, terminated and truncated [N], the info, and the finished episodes with their
            column.

        Raises:
            EnvironmentFault: a copy failed and restarts are off or failed too often in a row, or an
                observation does not match the space.
        """
        self.lost = None
        try:
            self.obs, rewards, terminated, truncated, info = self.env.step(actions)
        except (Exception, SystemExit) as error:
            info = self._restart(error)
            rewards = np.zeros(self.env.num_envs)
            terminated, truncated = np.zeros((2, self.env.num_envs), bool)
        else:
            self._restarts.in_a_row = 0
        # A lost life in Atari ends the advantage estimate (terminated), not the episode.
        game_over = info.get("game_over")
        done = terminated | truncated if game_over is None else game_over
        resetting = self.counter.resetting
        ended = self.counter.add(rewards, done)
        if ended:
            self.restarts_since_end[[i for i, _ in ended]] = 0
        if RESTARTS in info:
            self._num_restarts += int(info[RESTARTS].sum())
            self.restarts_since_end += info[RESTARTS]
            self.lost = (info[RESTARTS] > 0) & ~resetting
            self.counter.discard(self.lost)
        if self.recurrent_state is not None:
            first_steps = done if self.same_step else resetting
            self.recurrent_state.reset_columns(
                first_steps if self.lost is None else first_steps | self.lost
            )
        first = self.columns.start
        return rewards, terminated, truncated, info, [(first + i, e) for i, e in ended]

    def _restart(self, error: BaseException) -> dict[str, Any]:
        """Replace the vector environment after ``error``; the info with the restarts of every copy.

        Raises:
            EnvironmentFault: restarts are off, or failed too often in a row.
        """
        while True:
            if isinstance(error, EnvironmentFault):  # from a single copy, already with its step
                raise error
            num_envs = self.env.num_envs
            line = f"environment {self.name!r}, {num_envs} copies: {error_line(error)}"
            self._restarts.count(line, error)
            # A dead process does not respond to an ordinary close.
            is_async = isinstance(self.env.unwrapped, AsyncVectorEnv)
            close_environment(self.env, **({"terminate": True} if is_async else {}))
            try:
                self.env = self._build()
                first_seed = None if self._seed is None else int(np.ravel(self._seed)[0])
                self.obs, info = self.env.reset(seed=self._restarts.seed_after(first_seed))
            except (Exception, SystemExit) as next_error:
                error = next_error
                continue
            return {RESTARTS: np.full(num_envs, 1) + info.get(RESTARTS, 0)}

    def take_num_restarts(self) -> int:
        """Number of copies restarted since the last call."""
        taken, self._num_restarts = self._num_restarts, 0
        return taken

    def check_observation_space(self) -> None:
        """Check shape and dtype of the last observations, which no wrapper of single copies did.

        Raises:
            EnvironmentFault: they do not match the space; NumPy would silently broadcast or cast
                them into a rollout.
        """
        if self._batched_space is None or self._batched_space[0] is not self.env:
            space = batch_space(self.env.single_observation_space, self.env.num_envs)
            self._batched_space = self.env, space
        difference = mismatch(self._batched_space[1], self.obs)
        if difference:
            raise EnvironmentFault(
                f"environment {self.name!r}, {self.env.num_envs} copies: {difference}"
            )

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        recurrent = self.recurrent_state
        return {
            "obs": self.obs,
            "episodes": self.counter.state(),
            "memory": None if recurrent is None else recurrent.state(),
            "env": capture_env_state(self.env),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the saved episodes if the environment can be restored, else start new ones."""
        restored = restore_env_state(self.env, state["env"])
        if restored is not None:
            self.env = restored
            self.obs = state["obs"]
            self.counter.set_state(state["episodes"])
            if self.recurrent_state is not None and state.get("memory") is not None:
                self.recurrent_state.set_state(state["memory"])


def make_groups(
    config: Any, context: EnvContext, threads: int | None, pool: ThreadPool | None
) -> list[EnvGroup]:
    """A runner's environments, ``num_envs_per_env_runner`` in total.

    ``context`` has the options of the environment and the runner's index.

    Atari games step without the interpreter lock, so every thread of the pool steps a group of its
    own and runs the network for it, without waiting for the others before the fragment's end. Other
    environments, and all with an observation filter (one filter for all columns), form one group.
    """
    num_envs, number = config.num_envs_per_env_runner, 1
    one_group = config.observation_filter == "MeanStdFilter" or not is_atari(config.env)
    if pool is not None and not one_group:
        number = pool.num_chunks(num_envs, "forward")
    groups = []
    for columns in np.array_split(np.arange(num_envs), number):
        build = partial(
            make_vector_env,
            config.env,
            len(columns),
            context.copy_with_overrides(vector_index=int(columns[0])),
            config.gym_env_vectorize_mode,
            num_threads=1 if number > 1 else threads or torch.get_num_threads(),
            restart_failed=config.restart_failed_sub_environments,
        )
        restarts = Restarts(config.restart_failed_sub_environments)
        name = environment_name(config.env)
        groups.append(EnvGroup(name, build, restarts, first=int(columns[0])))
    return groups


def reset_groups(groups: list[EnvGroup], seed: int) -> None:
    """Start the first episodes; they do not depend on the number of groups."""
    if len(groups) == 1:
        groups[0].reset(seed)
        return
    # Imported here because it loads the emulator.
    from rllib_zoo.envs.atari.vector_env import atari_seeds

    seeds = atari_seeds(seed, groups[-1].columns.stop)
    for group in groups:
        group.reset(seeds[group.columns])


def capture_env_state(env: VectorEnv) -> bytes | None:
    """The running environments, pickled; None if they cannot be restored.

    None for environments in other processes, and for emulators and simulators (``EzPickle`` recreates
    them without their state): new episodes start after a resume.
    """
    if any(isinstance(layer, EzPickle) for layer in _layers(env)):
        return None
    try:
        # Gymnasium's own wrappers and registered creators hold lambdas, which pickle refuses.
        return cloudpickle.dumps(env)
    except Exception:  # pickling runs the environment's own code
        return None


def restore_env_state(env: VectorEnv, captured: bytes | None) -> VectorEnv | None:
    """The restored environments, after closing ``env``; None if ``captured`` is None."""
    if captured is None:
        return None
    restored = pickle.loads(captured)
    close_environment(env)
    return restored


def _layers(env: Any) -> Iterator[Any]:
    """The environment, the environments it wraps, and likewise for the first of its copies."""
    while True:
        yield env
        if isinstance(env, VectorWrapper | gym.Wrapper):
            env = env.env
        elif isinstance(env, SyncVectorEnv):
            env = env.envs[0]
        else:
            return
