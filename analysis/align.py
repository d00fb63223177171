"""Step two, align: curves on one grid. Nothing is extrapolated: where a run has no result yet, or none
any more, its value is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.columns import AXES

POINTS = 200


@dataclass(frozen=True)
class Aligned:
    """Curves of one group on a grid.

    Attributes:
        axis: column the grid is of.
        column: column the values are of.
        grid_G: rising.
        values_RG: NaN outside a run's own range.
        runs: R numbers of the runs.
        cut: how many of them end before the grid does.
    """

    axis: str
    column: str
    grid_G: np.ndarray
    values_RG: np.ndarray
    runs: tuple[int, ...]
    cut: int

    @property
    def counts_G(self) -> np.ndarray:
        """How many runs have a value at each grid point."""
        return (~np.isnan(self.values_RG)).sum(axis=0)

    def beyond(self) -> np.ndarray:
        """Values [R, G] where some run has none any more, and the point before; NaN elsewhere."""
        whole_G = self.counts_G == len(self.runs)
        last = int(np.flatnonzero(whole_G)[-1]) if whole_G.any() else 0
        rest = self.values_RG.copy()
        rest[:, :last] = np.nan
        return rest

    def common(self) -> Aligned:
        """The part of the grid where every run has a value."""
        whole_G = self.counts_G == len(self.runs)
        return Aligned(
            self.axis,
            self.column,
            self.grid_G[whole_G],
            self.values_RG[:, whole_G],
            self.runs,
            self.cut,
        )


def align(
    curves: pd.DataFrame, column: str = "return_mean", *, axis: str = "steps", points: int = POINTS
) -> Aligned:
    """Bring the curves of a table onto one grid.

    Between two results the earlier one holds: a result speaks of what was, and a line between two
    would speak of episodes that had not ended.

    Args:
        curves: rows of ``Results.curves``, of the runs that belong together.
        column: what is drawn; rows without it are left out.
        axis: ``steps``, ``frames``, ``seconds`` or ``iterations``.
        points: length G of the grid, from the first result of any run to the last of any.

    Raises:
        ValueError: an unknown axis, or no run has a value.
    """
    if axis not in AXES:
        raise ValueError(f"axis {axis!r} is unknown; there are {', '.join(AXES)}")
    known = curves[["run", axis, column]].dropna()
    if known.empty:
        raise ValueError(f"no run has {column} over {axis}")
    per_run = dict(list(known.groupby("run", sort=True)))
    grid = np.linspace(known[axis].min(), known[axis].max(), points)
    values = np.full((len(per_run), points), np.nan)
    for row, part in enumerate(per_run.values()):
        x, y = part[axis].to_numpy(), part[column].to_numpy()
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        index = np.searchsorted(x, grid, side="right") - 1
        inside = (index >= 0) & (grid <= x[-1])
        values[row, inside] = y[index[inside]]
    ends = [part[axis].max() for part in per_run.values()]
    cut = sum(end < grid[-1] for end in ends)
    return Aligned(axis, column, grid, values, tuple(int(run) for run in per_run), int(cut))


@dataclass(frozen=True)
class Curves:
    """What is drawn of a group: its runs of full length together, the short ones each alone."""

    whole: Aligned
    short: Sequence[Aligned] = ()


def align_groups(
    curves: pd.DataFrame, column: str = "return_mean", *, axis: str = "steps"
) -> dict[str, Curves]:
    """Every group of a table that has the column, each on its own grid.

    Args:
        curves: rows of ``Results.curves``, of one environment.
        column: what is drawn.
        axis: as :func:`align`.

    Raises:
        ValueError: an unknown axis.
    """
    found: dict[str, Curves] = {}
    for group, part in curves.groupby("group", sort=True):
        known = part[["run", "short", axis, column]].dropna()
        long = known[~known["short"]]
        if long.empty:
            continue
        whole = align(long, column, axis=axis)
        early = known[known["short"]].groupby("run")
        if len(whole.common().grid_G) > 1:
            found[str(group)] = Curves(whole, [align(one, column, axis=axis) for _, one in early])
    return found
