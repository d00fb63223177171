"""Search spaces in config files: ``lr: {loguniform: [1.0e-5, 1.0e-3]}`` instead of a value.

A mapping whose only key is the name of a sampler is a search space. No code is evaluated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rllib_zoo.algorithms.base.validators import number
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.grid import GRID

MAX_COMBINATIONS = 200
# Tune's samplers that are not supported → what to use instead.
REFUSED = {
    "sample_from": "values cannot depend on other values; write one experiment for each case",
    "randn": "use uniform or loguniform, which have bounds that can be checked",
    "qrandn": "use quniform, which has bounds that can be checked",
    "qloguniform": "use loguniform, or choice for a few values",
    "qrandint": "use choice",
    "lograndint": "use choice for a few values, or loguniform where fractions are allowed",
}


@dataclass(frozen=True)
class Sampler:
    """A way to sample a value.

    Attributes:
        example: an example of its argument.
        complaint: the error of an argument; "" for a valid one.
        extremes: the values to check instead of everything that can be sampled.
        domain: name of Tune's function.
    """

    example: str
    complaint: Callable[[Any], str]
    extremes: Callable[[Sequence[Any]], list[Any]]
    domain: str


def _listed(value: Any) -> str:
    return "" if isinstance(value, list) and value else "must list alternatives"


def _bounds(*, whole: bool = False, positive: bool = False, step: bool = False) -> Any:
    """A check of ``[low, high]``, or with ``step`` of ``[low, high, step]``."""
    form = "[low, high, step]" if step else "[low, high]"
    form += f", {'integers' if whole else 'numbers above 0' if positive else 'numbers'}"

    def complaint(value: Any) -> str:
        parts = value if isinstance(value, list) else []
        if len(parts) != (3 if step else 2) or any(number(-math.inf)(part) for part in parts):
            return f"must be {form}"
        if (whole and not all(isinstance(p, int) for p in parts)) or (positive and parts[0] <= 0):
            return f"must be {form}"
        if parts[0] >= parts[1]:
            return f"low {parts[0]} must be below high {parts[1]}"
        return _step_error(*parts) if step else ""

    return complaint


def _step_error(low: float, high: float, step: float) -> str:
    """The error of a step, with Tune's tolerance; "" for a valid one."""
    if step <= 0:
        return f"step {step} must be above 0"
    for name, bound in (("low", low), ("high", high)):
        if not math.isclose(bound / step, round(bound / step)):
            return f"{name} {bound} must be a multiple of step {step}"
    return ""


def _ends(argument: Sequence[Any]) -> list[Any]:
    return [argument[0], argument[1]]


SAMPLERS = {
    GRID: Sampler("[1, 2]", _listed, list, "grid_search"),
    "choice": Sampler("[relu, tanh]", _listed, list, "choice"),
    "uniform": Sampler("[0.9, 1.0]", _bounds(), _ends, "uniform"),
    "quniform": Sampler("[0.1, 0.5, 0.1]", _bounds(step=True), _ends, "quniform"),
    "loguniform": Sampler("[1.0e-5, 1.0e-3]", _bounds(positive=True), _ends, "loguniform"),
    # The upper bound is exclusive, as in Tune.
    "randint": Sampler("[1, 9]", _bounds(whole=True), lambda a: [a[0], a[1] - 1], "randint"),
}


def sampler_in(value: Any, where: str) -> tuple[Sampler, Any] | None:
    """The sampler that a value describes, and its argument; None for any other value.

    Raises:
        RequestError: an invalid argument, or a sampler of Tune that is not supported.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((name, argument),) = value.items()
    if name in REFUSED:
        raise RequestError("is not supported", key=f"{where}.{name}", hint=REFUSED[name])
    if name not in SAMPLERS:
        return None
    sampler = SAMPLERS[name]
    if problem := sampler.complaint(argument):
        hint = f"for example {{{name}: {sampler.example}}}"
        raise RequestError(f"{problem}, got {argument!r}", key=f"{where}.{name}", hint=hint)
    if next(samplers(argument), None) is not None:
        hint = "write one experiment for each case"
        raise RequestError("contains another sampler", key=f"{where}.{name}", hint=hint)
    return sampler, argument


def alternatives(value: Any, where: str) -> list[Any]:
    """All values to check: the value itself, a grid's values, or the extremes of a sampler.

    Samplers inside mappings are not expanded.

    Raises:
        RequestError: as :func:`sampler_in`.
    """
    if (sampled := sampler_in(value, where)) is not None:
        sampler, argument = sampled
        return sampler.extremes(argument)
    if not isinstance(value, list) or next(samplers(value), None) is None:
        return [value]
    items = [alternatives(item, f"{where}.{index}") for index, item in enumerate(value)]
    combinations = itertools.islice(itertools.product(*items), MAX_COMBINATIONS)
    return [list(combination) for combination in combinations]


def samplers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    """Path (keys and indices), name and argument of every sampler in nested data."""
    if (sampled := sampler_in(value, ".".join(map(str, path)))) is not None:
        yield path, sampled[0].domain, sampled[1]
        return
    if isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from samplers(item, (*path, key))


def is_drawn(value: Any) -> bool:
    """Whether nested data has a random sampler, so that several trials differ."""
    return any(name != GRID for _, name, _ in samplers(value))


def grid_size(value: Any) -> int:
    """Number of combinations of all grids in nested data."""
    return math.prod(len(argument) for _, name, argument in samplers(value) if name == GRID)


def at(tree: Any, path: Sequence[Any]) -> Any:
    """The item at a path of keys and indices; None if it does not exist."""
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
    """Nested data with Tune's search space objects in place of the samplers."""
    if (sampled := sampler_in(value, "")) is not None:
        from ray import tune

        sampler, argument = sampled
        domain = getattr(tune, sampler.domain)
        return domain(list(argument)) if sampler.domain in (GRID, "choice") else domain(*argument)
    if isinstance(value, Mapping):
        return {key: tune_space(item) for key, item in value.items()}
    return [tune_space(item) for item in value] if isinstance(value, list) else value
