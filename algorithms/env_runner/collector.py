"""Collecting rollouts: one step of a group of environments after the other, into a rollout's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.env_runner.env_group import EnvGroup
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.normalization import MeanStdFilter
from rllib_zoo.algorithms.env_runner.policy import ActingPolicy, RecurrentState
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.transforms import ActionMap, RewardMap
from rllib_zoo.algorithms.ops.distributions import Distribution
from rllib_zoo.envs import EnvironmentFault


@dataclass(frozen=True)
class RolloutCollector:
    """Runs the policy in a group of environments and writes a rollout.

    Attributes:
        policy: the network.
        distribution: of actions.
        to_env: maps sampled actions to actions of the environment.
        learning_rewards: maps raw rewards to the rewards learned from.
        filter: of observations, or None.
        update_filter: whether the filter's moments include the collected observations.
        max_seq_len: steps between two stored states of a recurrent policy.
    """

    policy: ActingPolicy
    distribution: Distribution
    to_env: ActionMap
    learning_rewards: RewardMap
    filter: MeanStdFilter | None
    update_filter: bool
    max_seq_len: int

    @torch.inference_mode()
    def collect(
        self, group: EnvGroup, rollout: Rollout, noise: Tensor
    ) -> list[tuple[int, int, Episode]]:
        """Fill the group's columns of a whole rollout.

        Args:
            group: the environments.
            rollout: [T, N].
            noise: of the distribution, [T, N, …] for all columns.

        Returns:
            The finished episodes, with step and column.

        Raises:
            EnvironmentFault: see :meth:`EnvGroup.step`; or an observation or reward is not finite.
            FloatingPointError: a network output is not finite.
        """
        ended: list[tuple[int, int, Episode]] = []
        group.check_observation_space()
        for t in range(len(rollout.mask)):
            ended += [(t, i, e) for i, e in self._step(group, rollout, t, noise[t, group.columns])]
        group.check_observation_space()
        self._set_next_values(group, rollout)
        check_finite(rollout, group, ended, self.filter)
        return ended

    @torch.inference_mode()
    def actions(
        self, obs: np.ndarray, recurrent_state: RecurrentState | None, noise: Tensor | None
    ) -> np.ndarray:
        """Environment actions for raw observations [N, …]; the filter is not updated.

        Args:
            obs: raw observations.
            recurrent_state: of a recurrent policy; advanced by one step.
            noise: of the distribution; None selects the most probable actions.
        """
        obs = self._filtered(obs)
        firsts = np.zeros(0, bool) if recurrent_state is None else recurrent_state.firsts
        dist_inputs, _ = self.policy.step(obs, recurrent_state)
        if noise is None:
            actions = self.distribution.mode(dist_inputs).numpy()
        else:
            actions = self.distribution.sample(dist_inputs, noise).numpy()
        if recurrent_state is not None:
            recurrent_state.hold(obs, actions, firsts)
        return self.to_env(actions)

    def _step(
        self, group: EnvGroup, rollout: Rollout, t: int, noise: Tensor
    ) -> list[tuple[int, Episode]]:
        """One step of a group, into its columns of row t."""
        n, obs = group.columns, group.obs
        if self.filter is not None:
            valid = ~group.counter.resetting
            obs = self.filter(obs, update=self.update_filter, valid=valid)
        rollout.obs[t, n] = obs
        state = group.recurrent_state
        if state is not None:
            state.write(rollout, t, n, self.max_seq_len)
            firsts = state.firsts
        dist_inputs, values = self.policy.step(rollout.obs[t, n], state)
        actions = self.distribution.sample(dist_inputs, noise).numpy()
        if state is not None:
            state.hold(rollout.obs[t, n], actions, firsts)
            if state.history is not None and rollout.views is not None:
                rollout.views[t, n] = state.history.last
        rollout.dist_inputs[t, n] = dist_inputs.numpy()
        rollout.values[t, n] = values.numpy()
        rollout.actions[t, n] = actions
        rollout.mask[t, n] = ~group.counter.resetting
        rewards, terminated, truncated, info, ended = group.step(self.to_env(actions))
        rollout.rewards[t, n] = self.learning_rewards(rewards)
        if state is not None:
            state.record(rollout.rewards[t, n])
        rollout.terminated[t, n] = terminated
        rollout.truncated[t, n] = truncated
        if group.same_step and (cut := truncated & ~terminated).any():
            final_obs = np.stack([np.asarray(obs) for obs in info["final_obs"][cut]])
            self._set_final_obs(group, rollout, t, cut, final_obs)
        if (
            group.same_step
            and rollout.next_obs is not None
            and (over := truncated | terminated).any()
        ):
            final_obs = np.stack([np.asarray(obs) for obs in info["final_obs"][over]])
            rollout.next_obs[t, n][over] = self._filtered(final_obs)
        if group.lost is not None:
            _mask_lost(rollout, t, n, group.lost)
        return ended

    def _set_next_values(self, group: EnvGroup, rollout: Rollout) -> None:
        """Values of next observations: those of the next row, in the last row the bootstrap values."""
        n = group.columns
        last_obs = np.ascontiguousarray(self._filtered(group.obs))
        last_values = self.policy.values(last_obs, group.recurrent_state)
        next_values = np.concatenate([rollout.values[1:, n], last_values.numpy()[None]])
        # In SAME_STEP mode the row after an episode's end belongs to the next episode;
        # `_set_final_obs` has already written the value of the true final observation.
        cut = rollout.truncated[:, n] & ~rollout.terminated[:, n]
        where = ~cut if group.same_step else np.True_
        np.copyto(rollout.next_values[:, n], next_values, where=where)
        if rollout.next_obs is not None:
            self._set_next_obs(group, rollout, last_obs)

    def _set_next_obs(self, group: EnvGroup, rollout: Rollout, last_obs: np.ndarray) -> None:
        """Next observations: those of the next row, in the last row ``last_obs``.

        In SAME_STEP mode `_step` has already written the final observations of episodes.
        """
        assert rollout.next_obs is not None
        n = group.columns
        next_obs = np.concatenate([rollout.obs[1:, n], last_obs[None]])
        if group.same_step:
            over = rollout.truncated[:, n] | rollout.terminated[:, n]
            next_obs[over] = rollout.next_obs[:, n][over]
        rollout.next_obs[:, n] = next_obs

    def _set_final_obs(
        self, group: EnvGroup, rollout: Rollout, t: int, cut: np.ndarray, final_obs: np.ndarray
    ) -> None:
        """Write the bootstrap values of the final observations of truncated episodes.

        Only environments in SAME_STEP mode need it; they form a single group.
        """
        values = self.policy.values(self._filtered(final_obs), group.recurrent_state, cut)
        rollout.next_values[t, cut] = values.numpy()

    def _filtered(self, obs: np.ndarray) -> np.ndarray:
        """Observations [N, …] after the filter, which is not updated."""
        return obs if self.filter is None else self.filter(obs, update=False)


def _mask_lost(rollout: Rollout, t: int, n: slice, lost: np.ndarray) -> None:
    """Mask a step without an outcome; the step before it is truncated and bootstrapped."""
    rollout.mask[t, n][lost] = False
    if t > 0:
        rollout.truncated[t - 1, n][lost] = True
        rollout.next_values[t - 1, n][lost] = rollout.values[t, n][lost]


def check_finite(
    rollout: Rollout,
    group: EnvGroup,
    ended: Sequence[tuple[int, int, Episode]],
    filter_: MeanStdFilter | None,
) -> None:
    """Check a fragment for non-finite values from a group's environments or the network.

    Whole arrays are checked, once per fragment. Returns are checked as well as rewards because
    ``clip_rewards`` hides an infinite reward; the filter's moments as well as observations because
    the filter clips too.

    Args:
        rollout: the fragment.
        group: the environments.
        ended: the group's finished episodes, with step and column.
        filter_: of observations, or None.

    Raises:
        EnvironmentFault: with environment, copy, step and value.
        FloatingPointError: network outputs for finite observations are not finite.
    """
    n, length = group.columns, len(rollout.mask)
    prefix = f"environment {group.name!r}"
    for key, array in (("observation", rollout.obs), ("reward", rollout.rewards)):
        if _has_non_finite(array[:, n]):
            raise EnvironmentFault(f"{prefix}, {_first_non_finite(key, array[:, n], n)}")
    if _has_non_finite(group.obs):
        last_obs = np.asarray(group.obs)[None]
        raise EnvironmentFault(
            f"{prefix}, {_first_non_finite('observation', last_obs, n, first_step=length)}"
        )
    returns = [episode.episode_return for _, _, episode in ended]
    if not group.counter.is_finite() or not np.isfinite(returns).all():
        raise EnvironmentFault(
            f"{prefix}: an episode's return is not finite, with a reward of the last {length} steps"
        )
    if filter_ is not None and not filter_.collected.is_finite():
        raise EnvironmentFault(f"{prefix}: an observation of the last {length} steps is not finite")
    for key in ("dist_inputs", "values"):
        array = getattr(rollout, key)[:, n]
        if _has_non_finite(array):
            raise FloatingPointError(
                f"the network's {key}: {_first_non_finite('output', array, n)}"
            )


def _has_non_finite(array: Any) -> bool:
    return array.dtype.kind == "f" and not np.isfinite(array).all()


def _first_non_finite(key: str, array: np.ndarray, columns: slice, first_step: int = 0) -> str:
    """Position and value of the first non-finite value in an array [T, N, …]."""
    index = np.argwhere(~np.isfinite(array))[0]
    element = f"[{', '.join(map(str, index[2:]))}]" if len(index) > 2 else ""
    return (
        f"copy {columns.start + index[1]}: {key}{element} is {array[tuple(index)]} "
        f"(at step {first_step + index[0]} of the fragment)"
    )
