"""Values that may be a grid, ``{grid_search: [value, …]}``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from rllib_zoo.experiments.errors import RequestError

GRID = "grid_search"


def grid_values(value: Any) -> list[Any]:
    """The alternatives of a grid, or a list of the one value."""
    if isinstance(value, Mapping) and set(value) == {GRID} and isinstance(value[GRID], list):
        return value[GRID]
    return [value]


def map_grid(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to a value, or to every alternative of a grid; equal results become one."""
    results: list[Any] = []
    for alternative in grid_values(value):
        result = function(alternative)
        if not any(result == other and type(result) is type(other) for other in results):
            results.append(result)
    return results[0] if len(results) == 1 else {GRID: results}


def require_single(value: Any, path: str) -> Any:
    """Return the value of a key that cannot be a grid.

    Raises:
        RequestError: it is a grid.
    """
    if isinstance(value, Mapping) and GRID in value:
        hint = "give one value, or split the file"
        raise RequestError("cannot be a grid in a legacy file", key=path, hint=hint)
    return value


def require_number(value: Any, path: str) -> int | float:
    """Return the value of a key that must be a finite number.

    Raises:
        RequestError: it is a grid, not a number, or not finite.
    """
    require_single(value, path)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RequestError(f"must be a number, got {value!r}", key=path)
    return value
