"""Environments stepped together: what a runner keeps about them between two calls."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from ray import cloudpickle

from rllib_zoo.algorithms.env_runner.env_restarts import VectorBuilder, begun_anew
from rllib_zoo.algorithms.env_runner.episodes import Episode, EpisodeCounter
from rllib_zoo.algorithms.env_runner.policy import Memory
from rllib_zoo.algorithms.runtime import ThreadTeam
from rllib_zoo.envs import RESTARTS, environment_name, is_atari, make_vector_env
from rllib_zoo.envs.restart_policy import Restarts

Step = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any], list[tuple[int, Episode]]]


class EnvGroup:
    """One vector environment and its running episodes.

    Args:
        builder: makes the vector environment, N copies, now and after a fault.
        first: the copies' first column among those of the whole runner.

    Attributes:
        name: of the environment.
        env: the vector environment.
        columns: which columns [first, first + N) of a rollout are the group's.
        obs: [N, …] raw, what the next actions answer to.
        counter: the running episodes.
        same_step: whether a reset follows an end within the same step.
        memory: a recurrent policy's, of the running episodes; None of other policies.
        lost: bool [N], whose last step had no outcome, because the copy raised and was built anew;
            its running episode is left out. None: nobody's.
        calls: of the environments, one more when they begin and one more when they end: odd while
            they are at work.
    """

    def __init__(self, builder: VectorBuilder, first: int = 0):
        self._builder = builder
        self.name = builder.name
        self.env = builder.build()
        self.columns = slice(first, first + self.env.num_envs)
        self.same_step = self.env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP
        self.memory: Memory | None = None
        self.lost: np.ndarray | None = None
        self.calls = 0
        self._restarts = 0

    def restart(self, seed: int | np.ndarray | None = None) -> None:
        """Begin fresh episodes in every copy.

        Raises:
            EnvironmentFault: see :meth:`step`.
        """
        self._builder.seed = self._builder.seed if seed is None else seed
        self.calls += 1
        try:
            self.obs, info = self.env.reset(seed=seed)
        except Exception as error:
            self.env, (self.obs, *_, info) = begun_anew(self._builder, self.env, error)
        finally:
            self.calls += 1
        self._restarts += int(np.sum(info.get(RESTARTS, 0)))
        self._builder.require_layout(self.env, self.obs)
        self.counter = EpisodeCounter(self.env.num_envs, same_step=self.same_step)
        if self.memory is not None:
            self.memory.begin()

    def step(self, actions: np.ndarray) -> Step:
        """One action for every copy.

        Returns:
            Raw rewards, terminated and truncated [N], the info, and the episodes that ended with
            their column.

        Raises:
            EnvironmentFault: a copy raised or hung and is not to be built anew, or was in vain; or
                it does not keep to its space.
        """
        self.lost = None
        self.calls += 1
        try:
            self.obs, rewards, terminated, truncated, info = self.env.step(actions)
        except Exception as error:
            self.env, taken = begun_anew(self._builder, self.env, error)
            self.obs, rewards, terminated, truncated, info = taken
        else:
            self._builder.restarts.in_a_row = 0
        finally:
            self.calls += 1
        # Atari's lost lives end advantages (terminated), not the game.
        over = info.get("game_over")
        done = terminated | truncated if over is None else over
        resetting = self.counter.resetting
        ended = self.counter.add(rewards, done)
        if RESTARTS in info:
            self._note_restarts(info[RESTARTS], resetting)
        if self.memory is not None:
            fresh = done if self.same_step else resetting
            self.memory.forget(fresh if self.lost is None else fresh | self.lost)
        first = self.columns.start
        return rewards, terminated, truncated, info, [(first + i, e) for i, e in ended]

    def _note_restarts(self, restarts: np.ndarray, resetting: np.ndarray) -> None:
        """Leave out the episodes of copies that were built anew, unless none was running."""
        self._restarts += int(restarts.sum())
        self.lost = (restarts > 0) & ~resetting
        self.counter.drop(self.lost)

    def take_restarts(self) -> int:
        """How many copies were built anew since the last call."""
        taken, self._restarts = self._restarts, 0
        return taken

    def progress(self) -> tuple[int, int]:
        """``calls``, and resets and steps begun by copies that gymnasium steps one after the other."""
        copies = getattr(self.env.unwrapped, "envs", ())
        return self.calls, sum(getattr(copy, "beats", 0) for copy in copies)

    def require_layout(self) -> None:
        """Raises EnvironmentFault where the last observations are not what the space says."""
        self._builder.require_layout(self.env, self.obs)

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {
            "obs": self.obs,
            "episodes": self.counter.state(),
            "memory": None if self.memory is None else self.memory.state(),
            "env": capture_env_state(self.env),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the interrupted episodes where the environment can; else they start anew."""
        restored = restore_env_state(self.env, state["env"])
        if restored is not None:
            self.env = restored
            self.obs = state["obs"]
            self.counter.set_state(state["episodes"])
            if self.memory is not None and state.get("memory") is not None:
                self.memory.set_state(state["memory"])


def make_groups(config: Any, threads: int | None, team: ThreadTeam | None) -> list[EnvGroup]:
    """A runner's environments, ``num_envs_per_env_runner`` in all.

    Atari games step without the interpreter's lock, so every thread of the team plays and thinks
    for a group of its own, and none waits for another before the fragment's end. An observation
    filter, which all columns feed, keeps them together; so do other environments.
    """
    num_envs, number = config.num_envs_per_env_runner, 1
    together = config.observation_filter == "MeanStdFilter" or not is_atari(config.env)
    if team is not None and not together:
        number = team.shares(num_envs, "forward")
    own_threads = 1 if number > 1 else threads or torch.get_num_threads()
    groups = []
    for columns in np.array_split(np.arange(num_envs), number):
        build = partial(
            make_vector_env,
            config.env,
            len(columns),
            config.environment_options,
            config.gym_env_vectorize_mode,
            num_threads=own_threads,
            restart_failed=config.restart_failed_sub_environments,
        )
        builder = VectorBuilder(
            environment_name(config.env), build, Restarts(config.restart_failed_sub_environments)
        )
        groups.append(EnvGroup(builder, first=int(columns[0])))
    return groups


def start_groups(groups: list[EnvGroup], seed: int) -> None:
    """Begin the first episodes: the same ones however many groups there are."""
    if len(groups) == 1:
        groups[0].restart(seed)
        return
    from rllib_zoo.envs.atari.vector_env import (
        atari_seeds,  # loads the emulator, which others do without
    )

    seeds = atari_seeds(seed, groups[-1].columns.stop)
    for group in groups:
        group.restart(seeds[group.columns])


def capture_env_state(env: VectorEnv) -> bytes | None:
    """The running environments as bytes, or None where they cannot be continued.

    Environments in other processes or with emulators and simulators (``EzPickle`` rebuilds them
    without their state) give None: their episodes restart after a resume.
    """
    if any(isinstance(part, EzPickle) for part in _parts(env)):
        return None
    try:
        # Gymnasium's own wrappers and registered creators hold lambdas, which pickle refuses.
        return cloudpickle.dumps(env)
    except Exception:  # pickling runs the environment's own code: any failure means "cannot"
        return None


def restore_env_state(env: VectorEnv, captured: bytes | None) -> VectorEnv | None:
    """The continued environments, or None where ``captured`` is None; ``env`` is closed then."""
    if captured is None:
        return None
    restored = pickle.loads(captured)
    env.close()
    return restored


def _parts(env: Any) -> Iterator[Any]:
    """The environment, what it wraps, and its copies' first with what that wraps."""
    while True:
        yield env
        if isinstance(env, VectorWrapper | gym.Wrapper):
            env = env.env
        elif isinstance(env, SyncVectorEnv):
            env = env.envs[0]
        else:
            return
