"""Step two, align: curves on one grid. Nothing is extrapolated: outside a run's own range its values
are NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.scoring.groups import by_group

POINTS = 200


@dataclass(frozen=True)
class Aligned:
    """Curves of one group on a grid.

    Attributes:
        axis: column of the grid.
        column: column of the values.
        grid_G: increasing.
        values_RG: NaN outside a run's own range.
        runs: R numbers of the runs.
    """

    axis: str
    column: str
    grid_G: np.ndarray
    values_RG: np.ndarray
    runs: tuple[int, ...]

    @property
    def counts_G(self) -> np.ndarray:
        """How many runs have a value at each grid point."""
        return (~np.isnan(self.values_RG)).sum(axis=0)

    def common(self) -> Aligned:
        """The part of the grid where every run has a value."""
        all_G = self.counts_G == len(self.runs)
        return replace(self, grid_G=self.grid_G[all_G], values_RG=self.values_RG[:, all_G])


def align(
    curves: pd.DataFrame, column: str = "return_mean", *, axis: str = "steps", points: int = POINTS
) -> Aligned:
    """Bring the curves of a table onto one grid.

    A result holds until the next one: it is an average of past episodes, and interpolation would anticipate
    episodes that had not ended.

    Args:
        curves: rows of ``Results.curves`` of one group.
        column: of the values; rows without it are left out.
        axis: ``steps``, ``frames``, ``seconds`` or ``iterations``.
        points: length G of the grid, from the first result of any run to the last of any.

    Raises:
        ValueError: an unknown axis, or no run has a value.
    """
    _require_axis(axis)
    rows = curves[["run", axis, column]].dropna()
    if rows.empty:
        raise ValueError(f"no run has {column} over {axis}")
    per_run = dict(list(rows.groupby("run", sort=True)))
    grid = np.linspace(rows[axis].min(), rows[axis].max(), points)
    values = np.full((len(per_run), points), np.nan)
    for row, part in enumerate(per_run.values()):
        x, y = part[axis].to_numpy(), part[column].to_numpy()
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
        index = np.searchsorted(x, grid, side="right") - 1
        inside = (index >= 0) & (grid <= x[-1])
        values[row, inside] = y[index[inside]]
    return Aligned(axis, column, grid, values, tuple(int(run) for run in per_run))


def on_grid(curves: pd.DataFrame, points: int) -> pd.DataFrame:
    """Columns ``run``, ``steps`` and ``return_mean`` on a grid per environment; rows without a value are left
    out.

    Args:
        curves: with a column ``env``.
        points: of each grid.
    """
    rows = curves.dropna(subset=["steps", "return_mean"])
    tables = [pd.DataFrame(columns=["run", "steps", "return_mean"])]
    for _, part in rows.groupby("env", sort=True):
        aligned = align(part, points=points)
        tables.append(pd.DataFrame({
            "run": np.repeat(aligned.runs, points),
            "steps": np.tile(aligned.grid_G, len(aligned.runs)),
            "return_mean": aligned.values_RG.ravel(),
        }))  # fmt: skip
    return pd.concat(tables[1:] or tables, ignore_index=True).dropna()


Line = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Curves:
    """The curves of a group.

    Attributes:
        complete: its runs of full length, aligned.
        tails: x and y of each of them before the first and after the last grid point common to all.
        short: x and y of every run that ended early.
    """

    complete: Aligned
    tails: Sequence[Line] = ()
    short: Sequence[Line] = ()


def align_groups(
    curves: pd.DataFrame, column: str = "return_mean", *, axis: str = "steps"
) -> dict[str, Curves]:
    """Group → its curves, each group on its own grid; groups without the column are left out.

    Args:
        curves: rows of ``Results.curves``, of one environment.
        column: of the values.
        axis: as :func:`align`.

    Raises:
        ValueError: an unknown axis.
    """
    _require_axis(axis)
    groups: dict[str, Curves] = {}
    # Splitting all columns of a large table would take most of the time.
    for group, rows in by_group(curves[["group", "run", "short", axis, column]].dropna()):
        long, early = rows[~rows["short"]], rows[rows["short"]]
        if long.empty:
            continue
        complete = align(long, column, axis=axis)
        common = complete.common().grid_G
        if len(common) > 1:
            lines = _lines(long, axis, column)
            tails = [_until(x, y, common[0]) for x, y in lines]
            tails += [_from(x, y, common[-1]) for x, y in lines]
            tails = [(x, y) for x, y in tails if x[0] < x[-1]]
            groups[group] = Curves(complete, tails, _lines(early, axis, column))
    return groups


def _require_axis(axis: str) -> None:
    if axis not in AXES:
        raise ValueError(f"axis {axis!r} is unknown; choose from {', '.join(AXES)}")


def _lines(curves: pd.DataFrame, axis: str, column: str) -> list[Line]:
    sorted_runs = (run.sort_values(axis) for _, run in curves.groupby("run"))
    return [(run[axis].to_numpy(), run[column].to_numpy()) for run in sorted_runs]


def _until(x: np.ndarray, y: np.ndarray, end: float) -> Line:
    """The part before ``end``, with the value at ``end``."""
    last = int(np.searchsorted(x, end, side="right"))
    return np.append(x[:last], end), np.append(y[:last], y[max(last - 1, 0)])


def _from(x: np.ndarray, y: np.ndarray, start: float) -> Line:
    """The part after ``start``, with the value at ``start``."""
    first = max(int(np.searchsorted(x, start, side="right")) - 1, 0)
    return np.concatenate([[start], x[first + 1 :]]), y[first:]
