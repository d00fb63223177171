"""Learning curves small enough to commit: one row per so many agent steps."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.atomic import written_aside
from rllib_zoo.analysis.files.columns import COLUMNS, number_of
from rllib_zoo.analysis.files.result_json import results_of

# Columns of ``columns.COLUMNS`` that a committed curve keeps.
KEPT = (
    "steps",
    "frames",
    "seconds",
    "episodes",
    "return_mean",
    "return_min",
    "return_max",
    "window",
    "entropy",
    "staleness_mean",
    "staleness_max",
    "gradient_variance",
    "gradient_squared_norm",
)

Row = dict[str, float | None]


def read_results(file: Path) -> list[Row]:
    """One row per result of a ``result.json`` that counts; numbers a result lacks are None.

    Broken lines are left out, and of iterations played twice after a restart the second counts.
    """
    return results_of(file, _row)


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
    """Write rows as CSV, whole or not at all; None becomes an empty field."""
    with written_aside(file) as draft, draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(KEPT), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)


def read_curve(file: Path) -> list[Row]:
    """What :func:`write_curve` wrote."""
    with file.open(newline="") as handle:
        return [
            {name: float(value) if value else None for name, value in row.items()}
            for row in csv.DictReader(handle)
        ]


def as_kept(row: Row) -> Row:
    """A row with the digits :func:`write_curve` leaves it."""
    short = {name: _short(value) for name, value in row.items()}
    return {name: None if value is None else float(value) for name, value in short.items()}


def read_committed(file: Path) -> tuple[np.ndarray, int]:
    """What :func:`write_curve` wrote, as [T, C] with the columns of ``columns.COLUMNS``.

    Returns:
        the values, NaN where nothing was kept, and how many lines hold something else than numbers.
    """
    found: list[list[float]] = []
    broken = 0
    with file.open(newline="", encoding="utf-8", errors="replace") as handle:
        rows = csv.DictReader(handle)
        while True:
            try:
                row = next(rows)
                found.append([float(row.get(column) or math.nan) for column in COLUMNS])
            except StopIteration:
                return np.array(found, dtype=np.float64).reshape(-1, len(COLUMNS)), broken
            except (ValueError, csv.Error):
                broken += 1


def _row(result: Mapping[str, Any]) -> Row:
    return {column: _known(number_of(result, column)) for column in KEPT}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _short(value: float | None) -> float | str | None:
    """Five significant digits: a curve needs no more."""
    return f"{value:.5g}" if isinstance(value, float) and not value.is_integer() else value
