"""Schedules that retired files kept beside the value they change."""

from __future__ import annotations

import math
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits, each, mapped


def lr_schedule(edits: Edits, path: str) -> None:
    """The schedule replaces ``lr``, which it overrode."""
    _schedule(edits, path, path.replace("lr_schedule", "lr"), start=None)


def entropy_coeff_schedule(edits: Edits, path: str) -> None:
    """As :func:`lr_schedule`; a number is the step at which the weight has sunk to 0."""
    new = path.replace("_schedule", "")
    own = getattr(algorithms.config_class(edits.get("run"))(), "entropy_coeff", 0.0)
    _schedule(edits, path, new, start=edits.get(new, own))


def _schedule(edits: Edits, path: str, new: str, start: Any) -> None:
    value, name = edits.get(path), new.rsplit(".", 1)[-1]
    if value is None:
        edits.leave_out(path, "no schedule is set")
        return
    if None in each(value):
        hint = f"list the alternatives under {name}"
        raise RequestError("null stands beside schedules in this grid", key=path, hint=hint)
    steps = [item for item in each(value) if _is_step(item) and start is not None]
    if len(each(value)) > 1 and steps and len(each(start)) > 1:
        raise RequestError(f"is a grid beside a grid of {name}", key=path, hint="split the file")
    if value in steps:
        pairs = mapped(lambda first: [[0, first], [int(value), 0.0]], start)
    else:
        pairs = mapped(
            lambda item: [[0, start], [int(item), 0.0]] if item in steps else _from_step_0(item),
            value,
        )
    if edits.has(new):
        edits.leave_out(new, f"{path.rsplit('.', 1)[-1]} overrode it")
    edits.change(path, new, pairs, f"is a value of {name} now")


def _is_step(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _from_step_0(value: Any) -> Any:
    """RLlib held the first value before the first step; today's schedules start at 0."""
    try:
        pairs = [[int(step), float(number)] for step, number in value]
    except (TypeError, ValueError, OverflowError):
        return value  # refused later, with its own sentence
    if pairs and pairs[0][0] != 0:
        pairs.insert(0, [0, pairs[0][1]])
    return [*pairs, [pairs[0][0] + 1, pairs[0][1]]] if len(pairs) == 1 else pairs
