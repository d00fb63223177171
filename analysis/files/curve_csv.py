"""Learning curves as CSV, thinned to one row per so many agent steps: small enough to commit."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.columns import COLUMNS, PATHS, number_of
from rllib_zoo.analysis.files.record import Curve
from rllib_zoo.analysis.files.result_json import map_results

# The columns of a committed curve.
KEPT = (
    "steps", "frames", "seconds", "episodes", "return_mean", "return_min", "return_max", "window",
    "entropy", "staleness_mean", "staleness_max", "gradient_variance", "gradient_squared_norm",
)  # fmt: skip

# Committed curves are of this project's own runs.
OWN_MEAN = PATHS["return_mean"][0]

Row = dict[str, float | None]


def read_results(file: Path) -> list[Row]:
    """One row per result of a ``result.json``; missing numbers are None.

    Broken lines are left out, and of iterations repeated after a restart the later results count.
    """
    return map_results(file, _row)


def thinned(rows: Iterable[Row], every: int) -> list[Row]:
    """The first row at or beyond each multiple of ``every`` agent steps, and the last row.

    Args:
        rows: in the order they were written, each with ``steps``.
        every: agent steps, >= 1.

    Raises:
        ValueError: ``every`` below 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1 agent step, got {every}")
    kept: list[Row] = []
    due, last = 0, None
    for row in rows:
        steps = row["steps"]
        if steps is None:
            continue
        last = row
        if steps >= due:
            kept.append(row)
            due = (int(steps) // every + 1) * every
    if last is not None and kept[-1] is not last:
        kept.append(last)
    return kept


def write_curve(file: Path, rows: list[Row]) -> None:
    """Write rows as CSV, atomically; None becomes an empty field."""
    with atomic_write(file) as draft, draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(KEPT), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _rounded(value) for name, value in row.items()} for row in rows)


def read_rows(file: Path) -> list[Row]:
    """The rows of a committed curve."""
    with file.open(newline="") as handle:
        return [
            {name: float(value) if value else None for name, value in row.items()}
            for row in csv.DictReader(handle)
        ]


def rounded(row: Row) -> Row:
    """A row with the digits of a committed curve."""
    return {name: None if value is None else float(_rounded(value)) for name, value in row.items()}


def read_committed(file: Path) -> Curve:
    """A committed curve; columns that it lacks are NaN, lines with anything but numbers are counted."""
    values: list[list[float]] = []
    broken = 0
    with file.open(newline="", encoding="utf-8", errors="replace") as handle:
        rows = csv.DictReader(handle)
        while True:
            try:
                row = next(rows)
                values.append([float(row.get(column) or math.nan) for column in COLUMNS])
            except StopIteration:
                values_TC = np.array(values, np.float64).reshape(-1, len(COLUMNS))
                return Curve(values_TC, broken, source_of_mean=OWN_MEAN)
            except (ValueError, csv.Error):
                broken += 1


def _row(result: Mapping[str, Any]) -> Row:
    numbers = {column: number_of(result, column) for column in KEPT}
    return {column: None if math.isnan(value) else value for column, value in numbers.items()}


def _rounded(value: Any) -> Any:
    """Fractions to five significant digits: a curve needs no more."""
    return f"{value:.5g}" if isinstance(value, float) and not value.is_integer() else value
