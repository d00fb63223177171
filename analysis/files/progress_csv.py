"""Reading a trial's ``progress.csv``: all that is left of some published runs.

Tune's CSV logger joins nested names by "/" and writes the columns of its first result.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rllib_zoo.analysis.files.columns import COLUMNS, flat_number_of
from rllib_zoo.analysis.files.record import Curve
from rllib_zoo.analysis.files.result_json import curve_of

ITERATION = "training_iteration"


def is_progress(file: Path) -> bool:
    """Whether a file is a table of Tune's results; other libraries write a ``progress.csv``, too."""
    return ITERATION in next(_cells(file), ())


def read_progress(file: Path, max_rows: int | None = None) -> Curve:
    """Read a ``progress.csv``; without such a file the curve is empty.

    Args:
        file: with a header; a restart may have written another one with other columns.
        max_rows: as for ``read_curve``.
    """
    cells = _cells(file)
    header = next(cells, [])
    if ITERATION not in header:
        return curve_of([], {})
    rows, broken = [], 0
    first: dict[str, str] = {}
    for row in cells:
        if ITERATION in row:
            header = row
            continue
        # Some releases end their lines with a delimiter.
        if len(row) < len(header) or any(row[len(header) :]):
            broken += 1
            continue
        result = dict(zip(header, row, strict=False))
        first = first or result
        rows.append([flat_number_of(result, column) for column in COLUMNS])
    kept = rows if max_rows is None else _thinned(rows, max_rows)
    return curve_of(kept, first, broken=broken, results=len(rows))


def _thinned(rows: Sequence[list[float]], max_rows: int) -> list[list[float]]:
    """About so many rows, evenly spaced, the first and the last included."""
    if len(rows) <= max_rows:
        return list(rows)
    numbers = np.unique(np.linspace(0, len(rows) - 1, max_rows).round().astype(int))
    return [rows[number] for number in numbers]


def _cells(file: Path) -> Iterator[list[str]]:
    """The lines of a table as lists of cells; none of a file that is no text or no table."""
    if not file.is_file():  # reading a named pipe would block
        return
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as handle:
        try:
            yield from csv.reader(line.replace("\0", "") for line in handle)
        except csv.Error:
            return
