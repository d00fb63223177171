"""The rollout: what a runner hands to a learner, arrays of shape [T, N, …] filled in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.ops.distributions import Distribution

Array = np.ndarray


@dataclass
class Rollout:
    """T steps of N environments under one policy.

    Attributes:
        obs: [T, N, …] what the policy saw, after the observation filter.
        actions: [T, N] int64 or [T, N, D] float32, as sampled (unclipped).
        dist_inputs: [T, N, K] float32, the network's outputs that describe π_old(·|s_t).
        log_probs: [T, N] float32, log π_old(a_t|s_t).
        values: [T, N] float32, V_old(s_t).
        next_values: [T, N] float32, V_old of the observation that followed step t; at an
            episode's end its final observation, never the next episode's first.
        rewards: [T, N] float32, for learning.
        terminated: [T, N] bool, the task ended at step t.
        truncated: [T, N] bool, the episode was cut at step t.
        mask: [T, N] bool, False where the environment spent the step on a reset (its action was
            ignored): left out of losses, statistics and step counts.
        firsts: [T, N] bool, True where the policy's state was reset before step t, because an
            episode begins there; None of a policy without state, likewise:
        states: [⌈T / L⌉, N, D] float32, the states before steps 0, L, 2L, …; L is max_seq_len.
        next_obs: [T, N, …] the observation that followed step t, at an episode's end its final one;
            None where only its value is asked for.
        episodes: those that ended within these steps, in order.
        env_restarts: how many environments were built anew meanwhile.
    """

    obs: Array
    actions: Array
    dist_inputs: Array
    log_probs: Array
    values: Array
    next_values: Array
    rewards: Array
    terminated: Array
    truncated: Array
    mask: Array
    firsts: Array | None = None
    states: Array | None = None
    next_obs: Array | None = None
    episodes: list[Episode] = field(default_factory=list)
    env_restarts: int = 0

    @classmethod
    def empty(
        cls,
        shape: tuple[int, int],
        obs_space: gym.Space,
        distribution: Distribution,
        *,
        filtered: bool,
        **recurrent: Any,
    ) -> Rollout:
        """Arrays to be filled.

        Args:
            shape: (T, N).
            obs_space: of one environment; bytes stay bytes unless ``filtered``.
            distribution: says what actions and dist inputs look like.
            filtered: whether observations pass a filter, which makes them float32.
            recurrent: ``firsts`` and ``states`` of a recurrent policy.
        """
        dtype = np.float32 if filtered or obs_space.dtype == np.float64 else obs_space.dtype
        action = distribution.mode(torch.zeros(1, distribution.num_inputs())).numpy()
        floats: dict[str, Any] = {
            name: np.zeros(shape, np.float32)
            for name in ("log_probs", "values", "next_values", "rewards")
        }
        flags: dict[str, Any] = {
            name: np.zeros(shape, bool) for name in ("terminated", "truncated", "mask")
        }
        return cls(
            obs=np.zeros((*shape, *(obs_space.shape or ())), dtype),
            actions=np.zeros((*shape, *action.shape[1:]), action.dtype),
            dist_inputs=np.zeros((*shape, distribution.num_inputs()), np.float32),
            **floats,
            **flags,
            **recurrent,
        )

    @property
    def num_steps(self) -> int:
        """Environment steps the policy took: unmasked entries."""
        return int(self.mask.sum())

    def arrays(self) -> dict[str, Array]:
        """The arrays by name, [T, N, …]; ``states`` are fewer, [⌈T / L⌉, N, D]."""
        plain = ("episodes", "env_restarts")
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in plain}
        return {name: array for name, array in named.items() if array is not None}

    def copy(self) -> Rollout:
        """A rollout of its own, safe from the runner's next ``sample``."""
        copied = {name: array.copy() for name, array in self.arrays().items()}
        return Rollout(**copied, episodes=list(self.episodes), env_restarts=self.env_restarts)

    @classmethod
    def concatenate(cls, rollouts: Sequence[Rollout]) -> Rollout:
        """Rollouts of equal T side by side: [T, N1 + N2 + …]; a copy unless there is only one.

        Raises:
            ValueError: no rollouts, or different T.
        """
        if len({len(rollout.mask) for rollout in rollouts}) != 1:
            lengths = [len(rollout.mask) for rollout in rollouts]
            raise ValueError(f"rollouts to concatenate need one common length T, got {lengths}")
        if len(rollouts) == 1:
            return rollouts[0]
        parts = [rollout.arrays() for rollout in rollouts]
        joined = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        return cls(
            **joined,
            episodes=[e for rollout in rollouts for e in rollout.episodes],
            env_restarts=sum(rollout.env_restarts for rollout in rollouts),
        )
