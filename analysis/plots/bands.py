"""Lines of groups with their intervals, for every renderer: learning curves, performance profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from rllib_zoo.analysis.align import Curves, Line
from rllib_zoo.analysis.statistics import (
    LEVEL,
    Scores,
    bootstrap,
    curve_interval,
    percentiles,
    performance_profile,
)
from rllib_zoo.analysis.style import count_text

# Resamples for the intervals of curves and profiles.
CURVE_RESAMPLES = 2_000
# Points of a performance profile.
THRESHOLDS = 101


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
        values_RG = np.ascontiguousarray(common.values_RG)
        interval = _interval(values_RG.tobytes(), len(values_RG), statistic, seed, resamples)
        ends = tuple(curves.tails), tuple(curves.short)
        column, axis = curves.complete.column, curves.complete.axis
        lines[label] = Band(column, axis, common.grid_G, *interval, len(common.runs), *ends)
    return lines


@lru_cache(maxsize=128)
def _interval(
    values: bytes, runs: int, statistic: str, seed: int, resamples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``curve_interval``, once for equal values: over frames, and of ended runs when drawn again."""
    values_RG = np.frombuffer(values).reshape(runs, -1)
    return curve_interval(values_RG, statistic, seed=seed, resamples=resamples)


def profile_lines(
    samples: Mapping[str, Scores], *, seed: int = 0, resamples: int = CURVE_RESAMPLES
) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Scores [T], and per group the share of its runs above each of them and its interval, [T] each."""
    scores_N = np.concatenate([task_R for sample in samples.values() for task_R in sample])
    low, high = scores_N.min(), scores_N.max()
    margin = 0.05 * ((high - low) or 1.0)
    thresholds_T = np.linspace(low - margin, high + margin, THRESHOLDS)
    statistic = partial(performance_profile, thresholds_T=thresholds_T)
    lines = {}
    for group, sample in samples.items():
        draws = bootstrap(statistic, [sample], seed=seed, resamples=resamples)
        lines[group] = statistic(sample), *percentiles(draws, LEVEL)
    return thresholds_T, lines
