"""Playing fragments: from a group's observations to actions, and into a rollout's rows."""

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
from rllib_zoo.algorithms.env_runner.policy import ActingPolicy, Memory
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.transforms import ActionMap, RewardMap
from rllib_zoo.algorithms.ops.distributions import Distribution
from rllib_zoo.envs import EnvironmentFault


def require_sound(
    rollout: Rollout,
    group: EnvGroup,
    ended: Sequence[tuple[int, int, Episode]],
    filter_: MeanStdFilter | None,
) -> None:
    """Refuse a fragment with NaN or infinity in what a group's environments or the network gave.

    Whole arrays are asked, once per fragment: a handful of passes, none per step. Returns are
    asked beside rewards, for clipping hides an infinite reward from learning, not from scores;
    moments beside observations, for the filter clips as well.

    Args:
        ended: the group's episodes that ended, with step and column.
        filter_: of observations, or None.

    Raises:
        EnvironmentFault: names the environment, the copy, the step and the value.
        FloatingPointError: the network's outputs for sound observations are not finite.
    """
    n = group.columns
    for key, array in (("observation", rollout.obs), ("reward", rollout.rewards)):
        if _broken(array[:, n]):
            raise EnvironmentFault(f"environment {group.name!r}, {_first(key, array[:, n], n)}")
    if _broken(group.obs):
        where = _first("observation", np.asarray(group.obs)[None], n, t=len(rollout.mask))
        raise EnvironmentFault(f"environment {group.name!r}, {where}")
    length = len(rollout.mask)
    scores = [episode.episode_return for _, _, episode in ended]
    if not group.counter.finite() or not np.isfinite(scores).all():
        raise EnvironmentFault(
            f"environment {group.name!r}: an episode's return is not finite, with a reward of the "
            f"last {length} steps"
        )
    if filter_ is not None and not filter_.collected.finite():
        raise EnvironmentFault(
            f"environment {group.name!r}: an observation of the last {length} steps is not finite"
        )
    for key in ("dist_inputs", "values"):
        array = getattr(rollout, key)[:, n]
        if _broken(array):
            raise FloatingPointError(f"the network's {key}: {_first('output', array, n)}")


def _broken(array: Any) -> bool:
    return array.dtype.kind == "f" and not np.isfinite(array).all()


def _first(key: str, array: np.ndarray, columns: slice, t: int = 0) -> str:
    """Where the first value that is not finite stands in an array [T, N, …]."""
    where = np.argwhere(~np.isfinite(array))[0]
    value = array[tuple(where)]
    element = f"[{', '.join(map(str, where[2:]))}]" if len(where) > 2 else ""
    return (
        f"copy {columns.start + where[1]}: {key}{element} is {value} (at step {t + where[0]} of "
        f"the fragment)"
    )


@dataclass(frozen=True)
class Player:
    """What stands between network and environments while a fragment is played.

    Attributes:
        policy: the network.
        distribution: over actions.
        to_env: from sampled actions to the environment's.
        learning_rewards: from raw rewards to those learned from.
        filter: of observations, or None.
        collects: whether played observations go into the filter's moments.
        max_seq_len: steps between two stored states of a recurrent policy.
    """

    policy: ActingPolicy
    distribution: Distribution
    to_env: ActionMap
    learning_rewards: RewardMap
    filter: MeanStdFilter | None
    collects: bool
    max_seq_len: int

    @torch.inference_mode()
    def play(
        self, group: EnvGroup, rollout: Rollout, noise: Tensor
    ) -> list[tuple[int, int, Episode]]:
        """Fill one group's columns of a whole rollout.

        Args:
            noise: of the distribution, [T, N, …] for all columns.

        Returns:
            The episodes that ended, with step and column.

        Raises:
            EnvironmentFault: see :meth:`EnvGroup.step`; or an observation or reward is not a number.
            FloatingPointError: the network's outputs are not.
        """
        ended: list[tuple[int, int, Episode]] = []
        group.require_layout()
        for t in range(len(rollout.mask)):
            ended += [(t, i, e) for i, e in self._step(group, rollout, t, noise[t, group.columns])]
        group.require_layout()
        self._finish(group, rollout)
        require_sound(rollout, group, ended, self.filter)
        return ended

    @torch.inference_mode()
    def actions(self, obs: np.ndarray, memory: Memory | None, noise: Tensor | None) -> np.ndarray:
        """Environment actions for raw observations [N, …], the filter frozen.

        Args:
            memory: of a recurrent policy; goes on by one step.
            noise: of the distribution; None takes the most probable actions.
        """
        dist_inputs, _ = self.policy.step(self._filtered(obs), memory)
        if noise is None:
            return self.to_env(self.distribution.mode(dist_inputs).numpy())
        return self.to_env(self.distribution.sample(dist_inputs, noise).numpy())

    def _step(
        self, group: EnvGroup, rollout: Rollout, t: int, noise: Tensor
    ) -> list[tuple[int, Episode]]:
        """One step of a group into its columns of row t."""
        n = group.columns
        rollout.obs[t, n] = self._observed(group)
        if group.memory is not None:
            group.memory.note(rollout, t, n, self.max_seq_len)
        dist_inputs, values = self.policy.step(rollout.obs[t, n], group.memory)
        actions = self.distribution.sample(dist_inputs, noise).numpy()
        rollout.dist_inputs[t, n] = dist_inputs.numpy()
        rollout.values[t, n] = values.numpy()
        rollout.actions[t, n] = actions
        rollout.mask[t, n] = ~group.counter.resetting
        rewards, terminated, truncated, info, ended = group.step(self.to_env(actions))
        rollout.rewards[t, n] = self.learning_rewards(rewards)
        rollout.terminated[t, n] = terminated
        rollout.truncated[t, n] = truncated
        if group.same_step:
            self._note_final_values(group, rollout, t, truncated & ~terminated, info)
        if group.lost is not None:
            _leave_out(rollout, t, n, group.lost)
        return ended

    def _finish(self, group: EnvGroup, rollout: Rollout) -> None:
        """Values of what followed every step: the next row's, at the end the bootstrap value."""
        n = group.columns
        last = np.ascontiguousarray(self._filtered(group.obs))
        last_values = self.policy.values(last, group.memory)
        following = np.concatenate([rollout.values[1:, n], last_values.numpy()[None]])
        # In SAME_STEP mode the row after an end belongs to the next episode; `_note_final_values`
        # has put the value of the true final observation there already.
        cut = rollout.truncated[:, n] & ~rollout.terminated[:, n]
        np.copyto(rollout.next_values[:, n], following, where=~cut if group.same_step else np.True_)

    def _note_final_values(
        self, group: EnvGroup, rollout: Rollout, t: int, cut: np.ndarray, info: dict[str, Any]
    ) -> None:
        """V of the final observations of cut episodes (SAME_STEP keeps them in ``info``).

        Only environments of a single group have this mode.
        """
        if cut.any():
            final = np.stack([np.asarray(obs) for obs in info["final_obs"][cut]])
            values = self.policy.values(self._filtered(final), group.memory, cut)
            rollout.next_values[t, cut] = values.numpy()

    def _observed(self, group: EnvGroup) -> np.ndarray:
        """What the network sees of a group's observations [N, …], which the filter learns from."""
        if self.filter is None:
            return group.obs
        return self.filter(group.obs, collect=self.collects, valid=~group.counter.resetting)

    def _filtered(self, obs: np.ndarray) -> np.ndarray:
        """Observations [N, …] through the filter as it is."""
        return obs if self.filter is None else self.filter(obs, collect=False)


def _leave_out(rollout: Rollout, t: int, n: slice, lost: np.ndarray) -> None:
    """Mask a step that had no outcome; what it followed is cut there, and bootstrapped."""
    rollout.mask[t, n][lost] = False
    if t > 0:
        rollout.truncated[t - 1, n][lost] = True
        rollout.next_values[t - 1, n][lost] = rollout.values[t, n][lost]
