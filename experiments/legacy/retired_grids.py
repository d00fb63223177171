"""Grids whose alternatives are mappings: each is translated as if it stood alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import GRID, Change, Edits, each, mapped

_WITH_MAPPINGS = (
    "model",
    "env_config",
    "evaluation_config",
    "exploration_config",
    "replay_buffer_config",
)


def grid_of_mappings(edits: Edits) -> str | None:
    """The path of the first such grid."""
    for key in _WITH_MAPPINGS:
        value = edits.get(f"config.{key}")
        alternatives = each(value)
        grid = isinstance(value, Mapping) and GRID in value and bool(alternatives)
        if grid and all(isinstance(one, Mapping) and GRID not in one for one in alternatives):
            return f"config.{key}"
    return None


def with_alternative(entry: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The entry with one value in the grid's place."""
    edits = Edits(entry)
    edits.put(path, value)
    return edits.tree


def put_together(
    path: str, translations: list[tuple[dict[str, Any], list[Change]]]
) -> tuple[dict[str, Any], list[Change]]:
    """One entry of what the alternatives became, and every change once.

    Raises:
        RequestError: the alternatives set other keys differently.
    """
    found, rests, changes = [], [], list[Change]()
    for tree, made in translations:
        rest = Edits(tree)
        found.append(rest.take(path) if rest.has(path) else None)
        rests.append(rest)
        changes += [change for change in made if change not in changes]
    first = rests[0]
    if any(rest.tree != first.tree for rest in rests):
        config = first.get("config", {})
        keys = {
            key
            for r in rests
            for key in r.keys("config")
            if r.get("config")[key] != config.get(key)
        }
        keys |= {key for key in config if any(key not in rest.keys("config") for rest in rests)}
        words = ", ".join(sorted(keys)) or "other keys"
        problem = f"the alternatives of this grid need different {words}"
        raise RequestError(problem, key=path, hint="split the file")
    if any(value is not None for value in found):
        first.put(path, mapped(lambda value: value or {}, {GRID: found}))
    return first.tree, changes
