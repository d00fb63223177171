"""The rollout: what an env runner passes to a learner, arrays of shape [T, N, …]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.ops.distributions import Distribution

Array = np.ndarray


@dataclass
class Rollout:
    """T steps of N environments with one policy.

    Attributes:
        obs: [T, N, …] observations, after the observation filter.
        actions: [T, N] int64 or [T, N, D] float32, as sampled (unclipped).
        dist_inputs: [T, N, K] float32, the network outputs that parameterize π_old(·|s_t).
        log_probs: [T, N] float32, log π_old(a_t|s_t).
        values: [T, N] float32, V_old(s_t).
        next_values: [T, N] float32, V_old of the observation after step t; at an episode's end of
            its final observation, never of the next episode's first.
        rewards: [T, N] float32, after clipping and normalization.
        terminated: [T, N] bool, the episode ended in a terminal state at step t.
        truncated: [T, N] bool, the episode was cut off at step t.
        mask: [T, N] bool, False where the environment spent the step on a reset (its action was
            ignored): left out of losses, statistics and step counts.
        firsts: [T, N] bool, True where the recurrent state was reset before step t because an
            episode begins; None for policies that are not recurrent, likewise:
        states: [⌈T / L⌉, N, D] float32, the recurrent states before steps 0, L, 2L, …; L is
            ``max_seq_len``.
        views: [T, N, V] float32, what a custom model read besides observations, flat (see
            ``ModelViews``); None for other networks.
        next_obs: [T, N, …] the observation after step t, at an episode's end its final one; None for
            algorithms and networks that need only its value.
        episodes: those that ended within these steps, in order.
        env_restarts: number of environments restarted during these steps.
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
    views: Array | None = None
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
        """Allocate the arrays.

        Args:
            shape: (T, N).
            obs_space: of one environment; uint8 stays uint8 unless ``filtered``.
            distribution: determines the shapes of actions and distribution inputs.
            filtered: whether there is an observation filter, whose output is float32.
            recurrent: ``firsts`` and ``states`` of a recurrent policy, ``views`` of a custom model.
        """
        dtype = np.float32 if filtered or obs_space.dtype == np.float64 else obs_space.dtype
        action = distribution.mode(torch.zeros(1, distribution.num_inputs())).numpy()
        floats = ("log_probs", "values", "next_values", "rewards")
        zeros: dict[str, Any] = {name: np.zeros(shape, np.float32) for name in floats}
        zeros |= {name: np.zeros(shape, bool) for name in ("terminated", "truncated", "mask")}
        return cls(
            obs=np.zeros((*shape, *(obs_space.shape or ())), dtype),
            actions=np.zeros((*shape, *action.shape[1:]), action.dtype),
            dist_inputs=np.zeros((*shape, distribution.num_inputs()), np.float32),
            **zeros,
            **recurrent,
        )

    @property
    def num_steps(self) -> int:
        """Number of environment steps of the policy: unmasked entries."""
        return int(self.mask.sum())

    def arrays(self) -> dict[str, Array]:
        """The arrays by name, without those that are None."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Array)}

    def copy(self) -> Rollout:
        """A copy that the runner's next ``sample`` does not overwrite."""
        copies: dict[str, Any] = {name: array.copy() for name, array in self.arrays().items()}
        return replace(self, **copies, episodes=list(self.episodes))

    @classmethod
    def concatenate(cls, rollouts: Sequence[Rollout], axis: int = 1) -> Rollout:
        """Concatenate rollouts; a copy unless there is only one.

        Args:
            rollouts: one or more.
            axis: 1 joins columns of rollouts of equal T, 0 successive rollouts of the same N.

        Raises:
            ValueError: no rollouts, or different T with axis 1.
        """
        lengths = [len(rollout.mask) for rollout in rollouts]
        if not rollouts or (axis == 1 and len(set(lengths)) != 1):
            raise ValueError(f"rollouts to concatenate must have equal length T, got {lengths}")
        if len(rollouts) == 1:
            return rollouts[0]
        parts = [rollout.arrays() for rollout in rollouts]
        return cls(
            **{name: np.concatenate([part[name] for part in parts], axis) for name in parts[0]},
            episodes=[e for rollout in rollouts for e in rollout.episodes],
            env_restarts=sum(rollout.env_restarts for rollout in rollouts),
        )
