"""From one trial's ``result.json`` to an array; half-written and broken lines are counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson

from rllib_zoo.analysis.files.columns import COLUMNS, number_of

T = TypeVar("T")


def results_of(file: Path, told: Callable[[dict[str, Any]], T]) -> list[T]:
    """What ``told`` makes of every result that counts, in the order they were written.

    Args:
        file: one JSON object per line; broken lines are left out.
        told: from a result to what is wanted of it, so that whole results need not be held.
    """
    found, iterations = [], []
    with file.open("rb") as lines:
        for line in lines:
            result = result_in(line)
            if result is None:
                continue
            found.append(told(result))
            iterations.append(number_of(result, "iterations"))
    counts = counting(np.array(iterations))
    return [row for row, counted in zip(found, counts, strict=True) if counted]


def result_in(line: bytes) -> dict[str, Any] | None:
    """The result on a line; None when there is no whole one."""
    found = parsed(line)
    return found if found is not None else behind_a_cut(line)


def behind_a_cut(line: bytes) -> dict[str, Any] | None:
    """The whole result that a resumed run wrote behind half a line; None where there is none."""
    at = line.find(b'{"', 1)
    while at > 0:
        # Inner objects do not parse: the braces of those around them follow.
        if (found := parsed(line[at:])) is not None:
            return found if "training_iteration" in found else None
        at = line.find(b'{"', at + 1)
    return None


def counting(iterations_T: np.ndarray) -> np.ndarray:
    """Rows [T] bool: all but those before a step back in iterations that the run then passed again.

    Args:
        iterations_T: [T] training iterations as they were written; NaN, which counts, where none was.
    """
    counts_T = np.ones(len(iterations_T), bool)
    smallest = np.inf
    for index in range(len(iterations_T) - 1, -1, -1):
        iteration = iterations_T[index]
        if np.isnan(iteration):
            continue
        counts_T[index] = iteration < smallest
        smallest = min(smallest, iteration)
    return counts_T


def parsed(text: bytes) -> dict[str, Any] | None:
    """The object that a text is; None where it is none, or more than that."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


# Every line repeats the configuration, nine tenths of it; what follows it is not read.
_CONFIG = b', "config": {'
_NUMBER = b'"training_iteration"'


@dataclass(frozen=True)
class Curve:
    """What one trial reported.

    Attributes:
        values_TC: [T, C] float64, C the columns of ``columns.COLUMNS``; NaN where a line is silent.
            Steps never fall: of iterations played twice after a restart the second counts.
        broken: lines that are no JSON; a run that was killed leaves one. A whole result that a resumed
            run wrote behind it is read all the same.
        repeated: rows that a restart played again, left out.
        whole: rows there were before any were left out for their number.
        config: of the last line, or the one before where the last is cut off within it.
    """

    values_TC: np.ndarray
    broken: int
    repeated: int
    config: dict[str, Any]
    whole: int = 0


def read_curve(file: Path, max_rows: int | None = None) -> Curve:
    """Read a ``result.json``.

    Args:
        file: one JSON object per line.
        max_rows: keep so many rows at most, spread evenly over the lines; the first and the last
            whole ones always. None keeps all.
    """
    rows: list[list[float]] = []
    tail: dict[str, Any] | None = None
    broken, last, before = 0, b"", b""
    stride, number = 1, 0
    with file.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            result = _parsed(line)
            if result is None:
                broken += 1
                result = behind_a_cut(line)
                if result is None:
                    continue
            else:
                last, before = line, last
            number += 1
            if (number - 1) % stride:
                tail = result
                continue
            tail = None
            rows.append(_row(result))
            if max_rows is not None and len(rows) > max_rows:
                rows, stride = rows[::2], stride * 2
    if rows and tail is not None:
        rows.append(_row(tail))
    values = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    kept = counting(values[:, COLUMNS.index("iterations")])
    config = _config(last) or _config(before)
    return Curve(values[kept], broken, int((~kept).sum()), config, number)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The object on a line without its configuration; None when the line is broken."""
    cut = line.find(_CONFIG)
    # Two results on a line: the first was cut off in its configuration, and only the second is whole.
    one = line.rstrip().endswith(b"}") and line.count(_NUMBER) < 2
    for text in ([line[:cut] + b"}"] if cut > 0 and one else []) + [line]:
        try:
            found = orjson.loads(_finite(text))
        except orjson.JSONDecodeError:
            continue
        # Some write the configuration in the middle: then what counts stands behind it.
        if isinstance(found, dict) and (text is line or _tells(found)):
            return found
    return None


def _row(result: dict[str, Any]) -> list[float]:
    return [number_of(result, column) for column in COLUMNS]


def _tells(result: dict[str, Any]) -> bool:
    return not all(np.isnan(number_of(result, column)) for column in ("steps", "return_mean"))


def _finite(text: bytes) -> bytes:
    """Python writes NaN and Infinity, which JSON has no words for."""
    if b"NaN" not in text and b"Infinity" not in text:
        return text
    return (
        text.replace(b"-Infinity", b"null").replace(b"Infinity", b"null").replace(b"NaN", b"null")
    )


def _config(line: bytes) -> dict[str, Any]:
    """A line's configuration; empty without one, or where it was cut off within its configuration."""
    try:
        config = orjson.loads(_finite(line)).get("config")
    except orjson.JSONDecodeError:
        return {}
    return config if isinstance(config, dict) else {}
