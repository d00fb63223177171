"""Values that population based training changes while it runs: as data, and within their bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rllib_zoo.algorithms.base.validators import number
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.grid import GRID
from rllib_zoo.experiments.spec.search_space import sampler_in, tune_space


def mutated_config(config: Mapping[str, Any], mutations: Any, where: str) -> dict[str, Any]:
    """A configuration with the samplers of its mutations in it.

    Args:
        config: of an experiment.
        mutations: nested like it; samplers at the ends.
        where: the mutations' key, for messages.

    Raises:
        RequestError: something else at an end.
    """
    if not isinstance(mutations, Mapping) or not mutations:
        hint = "for example {lr: {loguniform: [1.0e-4, 1.0e-2]}}"
        raise RequestError(f"must map keys to samplers, got {mutations!r}", key=where, hint=hint)
    found = dict(config)
    for key, value in mutations.items():
        path = f"{where}.{key}"
        if not isinstance(value, Mapping) or GRID in value:
            hint = "for example {choice: [0.1, 0.2]}"
            raise RequestError(f"must be a sampler, got {value!r}", key=path, hint=hint)
        if sampler_in(value, path) is None:
            found[key] = mutated_config(found.get(key) or {}, value, path)
        else:
            found[key] = value
    return found


def as_samplers(bounds: Any, where: str) -> Any:
    """PB2's ``[low, high]`` as samplers. They are drawn as fractions, so whole numbers have no place.

    Raises:
        RequestError: an end that is no pair of numbers.
    """
    if isinstance(bounds, Mapping):
        return {key: as_samplers(value, f"{where}.{key}") for key, value in bounds.items()}
    pair = bounds if isinstance(bounds, list) else []
    if len(pair) != 2 or any(number(-math.inf)(end) for end in pair) or pair[0] >= pair[1]:
        raise RequestError(f"must be [low, high], got {bounds!r}", key=where)
    return {"uniform": [float(end) for end in pair]}


def tune_mutations(mutations: Mapping[str, Any]) -> dict[str, Any]:
    """Mutations in Tune's objects; a choice as a list, whose neighbours are tried."""
    found: dict[str, Any] = {}
    for key, value in mutations.items():
        sampler = sampler_in(value, key)
        if sampler is None:
            found[key] = tune_mutations(value)
        else:
            is_choice = sampler[0].domain == "choice"
            found[key] = list(sampler[1]) if is_choice else tune_space(value)
    return found


class Within:
    """Tune's hook after a perturbation: a factor may lead out of the bounds, this leads back.

    Args:
        mutations: as in the file.
    """

    def __init__(self, mutations: Mapping[str, Any]):
        self.mutations = mutations

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        return _within(config, self.mutations)


def _within(config: Mapping[str, Any], mutations: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(config)
    for key, value in mutations.items():
        sampler = sampler_in(value, key)
        if sampler is None:
            found[key] = _within(config[key], value)
        elif sampler[0].domain != "choice":
            found[key] = _clipped(config[key], *sampler)
    return found


def _clipped(value: Any, sampler: Any, argument: Any) -> Any:
    low, high = sampler.extremes(argument)
    if sampler.domain == "quniform":
        step = argument[2]
        value = round(value / step) * step
    return min(max(value, low), high)
