"""Search spaces as data: ``lr: {loguniform: [1.0e-5, 1.0e-3]}`` where a value would stand.

A mapping with one key that names a sampler is one; everything else is a value. No code is evaluated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rllib_zoo.algorithms.base.validators import number
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import GRID

MAX_COMBINATIONS = 200
# Why what Tune calls so is not offered.
REFUSED = {
    "sample_from": "values that depend on others are no data; write one experiment for each case",
    "randn": "use uniform or loguniform, whose bounds can be checked",
    "qrandn": "use quniform, whose bounds can be checked",
    "qloguniform": "use loguniform, or choice for few values",
    "qrandint": "use choice",
    "lograndint": "use choice for few values, or loguniform where fractions may be",
}


@dataclass(frozen=True)
class Sampler:
    """One way to draw a value.

    Attributes:
        example: of its argument.
        complaint: what is wrong with an argument; "" where nothing is.
        extremes: the values whose checks cover all it may draw.
        domain: name of Tune's function that draws.
    """

    example: str
    complaint: Callable[[Any], str]
    extremes: Callable[[Sequence[Any]], list[Any]]
    domain: str


def _listed(value: Any) -> str:
    return "" if isinstance(value, list) and value else "must list alternatives"


def _bounds(*, whole: bool = False, positive: bool = False, step: bool = False) -> Any:
    """A check of ``[low, high]``, or with ``step`` of ``[low, high, step]``."""
    words = "[low, high, step]" if step else "[low, high]"
    kinds = "whole numbers" if whole else "numbers above 0" if positive else "numbers"

    def complaint(value: Any) -> str:
        parts = value if isinstance(value, list) else []
        if len(parts) != (3 if step else 2) or any(number(-float("inf"))(p) for p in parts):
            return f"must be {words}, {kinds}"
        if whole and any(not isinstance(part, int) for part in parts):
            return f"must be {words}, whole numbers"
        if positive and parts[0] <= 0:
            return f"must be {words}, numbers above 0"
        if parts[0] >= parts[1]:
            return f"has its low {parts[0]} not below its high {parts[1]}"
        return _off_step(*parts) if step else ""

    return complaint


def _off_step(low: float, high: float, step: float) -> str:
    """What is wrong with a step, with Tune's own tolerance; "" where nothing is."""
    if step <= 0:
        return f"has a step of {step}, which must be above 0"
    for name, bound in (("low", low), ("high", high)):
        if not math.isclose(bound / step, round(bound / step)):
            return f"has its {name} {bound}, which is no multiple of the step {step}"
    return ""


def _ends(argument: Sequence[Any]) -> list[Any]:
    return [argument[0], argument[1]]


SAMPLERS = {
    GRID: Sampler("[1, 2]", _listed, list, "grid_search"),
    "choice": Sampler("[relu, tanh]", _listed, list, "choice"),
    "uniform": Sampler("[0.9, 1.0]", _bounds(), _ends, "uniform"),
    "quniform": Sampler("[0.1, 0.5, 0.1]", _bounds(step=True), _ends, "quniform"),
    "loguniform": Sampler("[1.0e-5, 1.0e-3]", _bounds(positive=True), _ends, "loguniform"),
    # Tune's upper bound is left out.
    "randint": Sampler("[1, 9]", _bounds(whole=True), lambda a: [a[0], a[1] - 1], "randint"),
}


def sampler_in(value: Any, where: str) -> tuple[Sampler, Any] | None:
    """The sampler a value is written as, and its argument; None for a plain value.

    Raises:
        RequestError: a malformed argument, or one of Tune's samplers that are not offered.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((name, argument),) = value.items()
    if name in REFUSED:
        raise RequestError("is not offered", key=f"{where}.{name}", hint=REFUSED[name])
    if name not in SAMPLERS:
        return None
    found = SAMPLERS[name]
    if problem := found.complaint(argument):
        hint = f"for example {{{name}: {found.example}}}"
        raise RequestError(f"{problem}, got {argument!r}", key=f"{where}.{name}", hint=hint)
    if next(samplers(argument), None) is not None:
        hint = "write one experiment for each case"
        raise RequestError("holds another sampler", key=f"{where}.{name}", hint=hint)
    return found, argument


def alternatives(value: Any, where: str) -> list[Any]:
    """The value; or those a grid runs, or that cover what samplers in it may draw.

    Samplers below mappings are left to who knows their keys.

    Raises:
        RequestError: as :func:`sampler_in`.
    """
    found = sampler_in(value, where)
    if found is not None:
        return found[0].extremes(found[1])
    if not isinstance(value, list) or next(samplers(value), None) is None:
        return [value]
    items = [alternatives(item, f"{where}.{index}") for index, item in enumerate(value)]
    return [list(these) for these in itertools.islice(itertools.product(*items), MAX_COMBINATIONS)]


def samplers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    """Path (keys and indices), name and argument of every sampler in nested data."""
    if isinstance(value, Mapping):
        found = sampler_in(value, ".".join(map(str, path)))
        if found is not None:
            yield path, found[0].domain, found[1]
            return
    if isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from samplers(item, (*path, key))


def is_drawn(value: Any) -> bool:
    """Whether something in nested data is drawn at random, so that one trial is not all there is."""
    return any(name != GRID for _, name, _ in samplers(value))


def grid_size(value: Any) -> int:
    """Combinations of all grids in nested data."""
    return math.prod(len(argument) for _, name, argument in samplers(value) if name == GRID)


def at(tree: Any, path: Sequence[Any]) -> Any:
    """The item at a path of keys and indices; None where there is none."""
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def placed(tree: Any, path: Sequence[Any], value: Any) -> Any:
    """A copy of nested data with the value at a path."""
    if not path:
        return value
    head, *rest = path
    if isinstance(tree, Mapping):
        return {**tree, head: placed(tree.get(head, {}), rest, value)}
    return [placed(item, rest, value) if i == head else item for i, item in enumerate(tree)]


def tune_space(value: Any) -> Any:
    """Nested data with Tune's own objects where samplers stand."""
    if isinstance(value, Mapping):
        found = sampler_in(value, "")
        if found is None:
            return {key: tune_space(item) for key, item in value.items()}
        from ray import tune

        sampler, argument = found
        draw = getattr(tune, sampler.domain)
        return draw(list(argument)) if sampler.domain in (GRID, "choice") else draw(*argument)
    return [tune_space(item) for item in value] if isinstance(value, list) else value
