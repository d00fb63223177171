"""Which lines of a ``result.json`` count: the one rule of all who read it.

Tune appends a line per result. A run that was killed may leave half a line; resumed, it goes on behind
that half, without a line break, and plays again what came after its last checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from rllib_zoo.analysis.files.columns import number_of

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
