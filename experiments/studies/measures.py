"""Measures of single runs of a study: rate, cost, staleness, gradient variance and signal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from rllib_zoo.analysis.files.curve_csv import Row
from rllib_zoo.experiments.studies.runs import Run

# A mean over fewer episodes is too noisy to count.
WINDOW = 100
# Batch size in agent steps that signal-to-noise ratios are stated for, whatever the training batch.
SIGNAL_STEPS = 1_000


def first_reaching(rows: Sequence[Row], score: float) -> Row | None:
    """The first row whose mean return over 100 episodes reached a score; None if none did."""
    for row in rows:
        mean, window = row["return_mean"], row["window"]
        if mean is not None and mean >= score and (window or 0) >= WINDOW:
            return row
    return None


def solving_row(run: Run) -> Row | None:
    """The row where a run reached its cell's ``solved``, else its last one; None without rows."""
    score = run.cell.solved
    reached = first_reaching(run.rows, score) if score is not None else None
    return reached or (run.rows[-1] if run.rows else None)


def rate_of(run: Run) -> float:
    """Agent steps per second from the first kept result to the last; NaN with fewer than two.

    The time to the first result includes starting up and is left out.
    """
    if len(run.rows) < 2:
        return math.nan
    first, last = run.rows[0], run.rows[-1]
    seconds = (last["seconds"] or 0.0) - (first["seconds"] or 0.0)
    steps = (last["steps"] or 0.0) - (first["steps"] or 0.0)
    return steps / seconds if seconds > 0 else math.nan


def cpu_hours(run: Run) -> float:
    """Cores Ray reserved times hours of training; NaN if the reservation is unknown."""
    cpus, seconds = run.about.get("reserved_cpus"), run.last("seconds")
    return math.nan if cpus is None or seconds is None else cpus * seconds / 3600


def staleness_of(run: Run) -> float:
    """Mean of the rows' mean gradient staleness, in updates; NaN where none was measured."""
    return _mean(run.rows, "staleness_mean")


def variance_of(rows: Sequence[Row]) -> float:
    """Mean of the rows' gradient variance, per step; NaN where none was measured."""
    return _mean(rows, "gradient_variance")


def _mean(rows: Sequence[Row], column: str) -> float:
    values = [value for row in rows if (value := row.get(column)) is not None]
    return float(np.mean(values)) if values else math.nan


def signal_of(rows: Sequence[Row]) -> float:
    """Squared length of the policy gradient over its variance in batches of ``SIGNAL_STEPS``.

    A ratio of the rows' sums, since the squared length of a single gradient is a poor estimate; below 0
    where it cannot be distinguished from noise. NaN where none was measured, or the variance is 0.
    """
    pairs = [(r.get("gradient_squared_norm"), r.get("gradient_variance")) for r in rows]
    measured = np.array([pair for pair in pairs if None not in pair], dtype=np.float64)
    squared, variance = measured.reshape(-1, 2).sum(axis=0)
    return float(SIGNAL_STEPS * squared / variance) if variance > 0 else math.nan


def parts_of(run: Run, number: int) -> dict[float, list[Row]]:
    """A run's rows by equal parts of its budget: steps at a part's end → the rows in it."""
    width = run.cell.budget.steps / number
    parts: dict[float, list[Row]] = {}
    for row in run.rows:
        part = min(int((row["steps"] or 0.0) // width), number - 1)
        parts.setdefault((part + 1) * width, []).append(row)
    return parts


def median_of(values: Iterable[float]) -> float:
    """Median of the values that are not NaN; NaN without any."""
    numbers = [value for value in values if not math.isnan(value)]
    return float(np.median(numbers)) if numbers else math.nan


def efficiencies(runs: Sequence[Run]) -> dict[str, float]:
    """Cell → median steps/s over those of one runner times the runners.

    Args:
        runs: done ones of a study whose cells' ``value`` is the number of runners; cells of one
            algorithm and environment belong together. Those without a cell of one runner are left out.
    """
    rates: dict[str, list[float]] = {}
    for run in runs:
        rates.setdefault(run.cell.name, []).append(rate_of(run))
    cells = {run.cell.name: run.cell for run in runs}
    alone = {
        (cell.line, cell.env): median_of(rates[name])
        for name, cell in cells.items()
        if cell.value == 1
    }
    return {
        name: median_of(rates[name]) / (cell.value * alone[cell.line, cell.env])
        for name, cell in cells.items()
        if cell.value and (cell.line, cell.env) in alone
    }
