"""Reading a trial's ``result.json``: one JSON object per line, lines that were cut off included.

A killed run leaves part of a line, and the resumed run writes its next result behind that part. Of
iterations that were repeated after a restart, the later results count.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson

from rllib_zoo.analysis.files.columns import COLUMNS, number_of, numbers_of, source_of_mean
from rllib_zoo.analysis.files.record import Curve

T = TypeVar("T")
# Nine tenths of a line are the configuration, the same on every line.
_CONFIG = b', "config": {'
_ITERATION = b'"training_iteration"'


def read_curve(file: Path, max_rows: int | None = None) -> Curve:
    """Read a ``result.json``; without such a file the curve is empty.

    Args:
        file: one JSON object per line.
        max_rows: keep about so many rows at most, evenly spaced, the first and the last included; None
            keeps all.
    """
    rows: list[list[float]] = []
    tail: dict[str, Any] | None = None
    broken, last, before = 0, b"", b""
    stride, number = 1, 0
    first: dict[str, Any] = {}
    source = ""
    for line in _lines(file):
        result = _parse_without_config(line)
        if result is None:
            broken += 1
            result = result_after_cut(line)
            if result is None:
                continue
        else:
            last, before = line, last
        number += 1
        first, source = first or result, source or source_of_mean(result)
        if (number - 1) % stride:
            tail = result
            continue
        tail = None
        rows.append(numbers_of(result))
        if max_rows is not None and len(rows) > max_rows:
            rows, stride = rows[::2], stride * 2
    if tail is not None:
        rows.append(numbers_of(tail))
    config = _config(last) or _config(before)
    curve = curve_of(rows, first, broken=broken, results=number)
    return replace(curve, config=config, source_of_mean=source)


def curve_of(
    rows: list[list[float]], first: Mapping[str, Any], *, broken: int = 0, results: int = 0
) -> Curve:
    """A curve of rows in the order they were written, repeated ones left out.

    Args:
        rows: [T][C] numbers.
        first: the first result, nested or flat.
        broken: lines that are no results.
        results: number of results, of which ``rows`` may be a part.
    """
    values_TC = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    kept_T = not_repeated(values_TC[:, COLUMNS.index("iterations")])
    iteration = _number(first.get("training_iteration"))
    since = _number(first.get("iterations_since_restore"))
    repeated = int((~kept_T).sum())
    before = iteration - (1.0 if math.isnan(since) else since)
    return Curve(
        values_TC[kept_T],
        broken,
        repeated,
        results=results - repeated,
        continues=0 if math.isnan(before) else max(int(before), 0),
        first_seconds=_number(first.get("time_this_iter_s")),
        first_time=_number(first.get("timestamp")),
        source_of_mean=source_of_mean(first),
    )


def _number(value: Any) -> float:
    """A number, also one written as text; NaN for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def map_results(file: Path, convert: Callable[[dict[str, Any]], T]) -> list[T]:
    """``convert`` of every complete result in order, repeated ones left out; empty without a file.

    Args:
        file: one JSON object per line.
        convert: takes a result; what it returns is kept, so that whole results need not be.
    """
    values, iterations = [], []
    for line in _lines(file):
        result = parse_result(line)
        if result is not None:
            values.append(convert(result))
            iterations.append(number_of(result, "iterations"))
    kept_T = not_repeated(np.array(iterations))
    return [value for value, kept in zip(values, kept_T, strict=True) if kept]


def parse_result(line: bytes) -> dict[str, Any] | None:
    """The complete result on a line; None without one."""
    result = parse_object(line)
    return result if result is not None else result_after_cut(line)


def parse_object(text: bytes) -> dict[str, Any] | None:
    """A text as a JSON object; None if it is not exactly one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def result_after_cut(line: bytes) -> dict[str, Any] | None:
    """The complete result that a resumed run wrote behind part of a line; None without one."""
    start = line.find(b'{"', 1)
    while start > 0:
        # Inner objects do not parse: the closing braces of the outer ones follow.
        if (result := parse_object(line[start:])) is not None:
            return result if "training_iteration" in result else None
        start = line.find(b'{"', start + 1)
    return None


def not_repeated(iterations_T: np.ndarray) -> np.ndarray:
    """Which rows count, bool [T]: those whose iteration is smaller than that of every later row.

    Args:
        iterations_T: [T] training iterations as they were written; rows with NaN count.
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


def _lines(file: Path) -> Iterator[bytes]:
    if file.is_file():  # reading a named pipe would block
        with file.open("rb") as lines:
            yield from (line for line in lines if line.strip())


def _parse_without_config(line: bytes) -> dict[str, Any] | None:
    """The object on a line, its configuration left out where it comes last; None if it is broken."""
    cut = line.find(_CONFIG)
    # With two results on a line the first was cut off in its configuration; the second is complete.
    single = line.rstrip().endswith(b"}") and line.count(_ITERATION) < 2
    for text in ([line[:cut] + b"}"] if cut > 0 and single else []) + [line]:
        try:
            result = orjson.loads(_without_nan(text))
        except orjson.JSONDecodeError:
            continue
        # Some releases write the configuration in the middle: then the numbers come after it.
        if isinstance(result, dict) and (text is line or _has_numbers(result)):
            return result
    return None


def _has_numbers(result: dict[str, Any]) -> bool:
    return not all(math.isnan(number_of(result, column)) for column in ("steps", "return_mean"))


def _without_nan(text: bytes) -> bytes:
    """Python's NaN and Infinity, which are not JSON, as null."""
    if b"NaN" in text or b"Infinity" in text:
        for number in (b"-Infinity", b"Infinity", b"NaN"):
            text = text.replace(number, b"null")
    return text


def _config(line: bytes) -> dict[str, Any]:
    """A line's configuration; empty without one, or where the line is cut within it."""
    config = (parse_object(line) or {}).get("config")
    return config if isinstance(config, dict) else {}
