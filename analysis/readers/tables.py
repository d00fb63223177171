"""Tables with named columns, as CSV, separated by tabs, or as a JSON object per line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rllib_zoo.analysis.files.record import UnreadableError
from rllib_zoo.analysis.files.text_values import is_number
from rllib_zoo.analysis.readers.series.scalars import Points, Scalars

# Unit of a step that is the number of a row.
ROWS = "rows"


@dataclass(frozen=True)
class Table:
    """A table as texts.

    Attributes:
        names: of the columns.
        rows: [T] name → text; "" where a row has none.
        broken: lines that do not fit the names.
    """

    names: tuple[str, ...]
    rows: Sequence[Mapping[str, str]]
    broken: int = 0

    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        return (f"{self.broken} broken line(s)",) if self.broken else ()

    def scalars(self, rows: Sequence[Mapping[str, str]] | None = None, step: str = "") -> Scalars:
        """Its columns as series, of all rows or of these.

        Their own step is the column ``step``, in the unit of the library's own steps; without one the row's
        number, which is no step.
        """
        kept = self.rows if rows is None else rows
        columns = {name: np.array([number(row[name]) for row in kept]) for name in self.names}
        step_T = columns[step] if step else np.arange(len(kept), dtype=float)
        nan_T = np.full(len(kept), np.nan)
        series = {}
        for name, values_T in columns.items():
            present_T = ~(np.isnan(values_T) | np.isnan(step_T))
            if present_T.any():
                series[name] = Points(step_T[present_T], values_T[present_T], nan_T[present_T])
        return Scalars(series, axis="" if step else ROWS, notes=self.notes())


def number(text: str) -> float:
    """A finite number; NaN for anything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def names_in(head: bytes) -> tuple[str, ...]:
    """The names of the columns of a table by how its file begins; none of a table without names."""
    lines = [line for line in head.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("#")][:1]
    if not lines:
        return ()
    if lines[0].startswith("{"):
        try:
            content = json.loads(lines[0])
        except ValueError:
            return ()
        return tuple(content) if isinstance(content, dict) else ()
    names = tuple(name.strip() for name in next(csv.reader(lines, delimiter=_delimiter(lines[0]))))
    return names if not any(map(is_number, names)) else ()


def read_table(file: Path) -> Table:
    """A table.

    Raises:
        UnreadableError: it has no names.
    """
    text = file.read_text(encoding="utf-8-sig", errors="replace").replace("\0", "")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and lines[0].startswith("{"):
        return _objects(lines)
    names = names_in("\n".join(lines[:1]).encode())
    if not names:
        raise UnreadableError("its first line has no names of columns")
    rows, broken = [], 0
    for cells in _cells(lines[1:], _delimiter(lines[0])):
        cells = [cell.strip() for cell in cells]
        if tuple(cells) == names:  # written again after a restart
            continue
        # Some writers end their lines with a delimiter.
        if len(cells) >= len(names) and not any(cells[len(names) :]):
            rows.append(dict(zip(names, cells, strict=False)))
        else:
            broken += 1
    return Table(names, rows, broken)


def _objects(lines: Sequence[str]) -> Table:
    rows, broken = [], 0
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if isinstance(content, dict):
            rows.append(content)
        else:
            broken += 1
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(names, [{name: str(row.get(name, "")) for name in names} for row in rows], broken)


def _cells(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=delimiter)
    except csv.Error as error:
        raise UnreadableError(f"it is no table: {error}") from None


def _delimiter(line: str) -> str:
    return max(",\t;", key=line.count)
