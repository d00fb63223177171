"""Numbers that are none: looked for once per fragment, named only where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rllib_zoo.algorithms.env_runner.env_group import EnvGroup
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.filters import MeanStdFilter
from rllib_zoo.algorithms.env_runner.rollout import Rollout
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
