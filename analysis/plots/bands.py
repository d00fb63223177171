"""Aggregate of learning curves: a line per group with its interval, for every renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rllib_zoo.analysis.align import Curves, Line
from rllib_zoo.analysis.statistics import curve_interval

# Resamples for the intervals of curves and profiles.
CURVE_RESAMPLES = 2_000


@dataclass(frozen=True)
class Band:
    """The line of a group, up to where all of its complete runs reach.

    Attributes:
        column: of the values; ``axis`` of the grid.
        grid_G: increasing; ``value_G``, ``low_G``, ``high_G``: the statistic and its interval.
        runs: number of complete runs.
        tails: the parts of these before and after the grid; ``short``: runs that ended early.
    """

    column: str
    axis: str
    grid_G: np.ndarray
    value_G: np.ndarray
    low_G: np.ndarray
    high_G: np.ndarray
    runs: int
    tails: tuple[Line, ...]
    short: tuple[Line, ...]

    @property
    def count(self) -> str:
        """``5 runs, 1 ended early``."""
        ended = f", {len(self.short)} ended early" if self.short else ""
        return f"{count_text(self.runs)}{ended}"


def count_text(runs: int) -> str:
    """``1 run``, ``2 runs``."""
    return f"{runs} run{'s' if runs > 1 else ''}"


def bands(
    groups: Mapping[str, Curves],
    *,
    statistic: str = "iqm",
    seed: int = 0,
    resamples: int = CURVE_RESAMPLES,
) -> dict[str, Band]:
    """The line of every group.

    Args:
        groups: label → curves on a grid; all over the same axis and column.
        statistic: ``iqm``, ``mean`` or ``median`` over runs.
        seed: of the interval's resamples; ``resamples``: their number.
    """
    lines = {}
    for label, curves in groups.items():
        common = curves.complete.common()
        interval = curve_interval(common.values_RG, statistic, seed=seed, resamples=resamples)
        ends = tuple(curves.tails), tuple(curves.short)
        column, axis = curves.complete.column, curves.complete.axis
        lines[label] = Band(column, axis, common.grid_G, *interval, len(common.runs), *ends)
    return lines
