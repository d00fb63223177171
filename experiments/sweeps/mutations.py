"""Mutations of population based training: reading them from a file, keeping values in bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rllib_zoo.algorithms.base.validators import number
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.grid import GRID
from rllib_zoo.experiments.spec.search_space import sampler_in, tune_space


def mutated_config(config: Mapping[str, Any], mutations: Any, where: str) -> dict[str, Any]:
    """A configuration with mutated values replaced by their samplers.

    Args:
        config: of an experiment.
        mutations: nested like it; samplers at the leaves.
        where: the mutations' key, for messages.

    Raises:
        RequestError: a leaf is not a sampler.
    """
    if not isinstance(mutations, Mapping) or not mutations:
        hint = "for example {lr: {loguniform: [1.0e-4, 1.0e-2]}}"
        raise RequestError(f"must map keys to samplers, got {mutations!r}", key=where, hint=hint)
    mutated = dict(config)
    for key, value in mutations.items():
        path = f"{where}.{key}"
        if not isinstance(value, Mapping) or GRID in value:
            hint = "for example {choice: [0.1, 0.2]}"
            raise RequestError(f"must be a sampler, got {value!r}", key=path, hint=hint)
        if sampler_in(value, path) is None:
            mutated[key] = mutated_config(mutated.get(key) or {}, value, path)
        else:
            mutated[key] = value
    return mutated


def as_samplers(bounds: Any, where: str) -> Any:
    """PB2's ``[low, high]`` as samplers of floats (PB2 does not support integers).

    Raises:
        RequestError: a leaf is not a pair of numbers.
    """
    if isinstance(bounds, Mapping):
        return {key: as_samplers(value, f"{where}.{key}") for key, value in bounds.items()}
    pair = bounds if isinstance(bounds, list) else []
    if len(pair) != 2 or any(number(-math.inf)(end) for end in pair) or pair[0] >= pair[1]:
        raise RequestError(f"must be [low, high], got {bounds!r}", key=where)
    return {"uniform": [float(end) for end in pair]}


def with_choices(mutations: Any, where: str) -> Any:
    """PBT's lists, from which Tune chooses a value, as samplers; samplers and wrong values are unchanged.

    Raises:
        RequestError: an invalid argument of a sampler.
    """
    if not isinstance(mutations, Mapping) or sampler_in(mutations, where) is not None:
        return mutations
    return {
        key: {"choice": value} if isinstance(value, list) else with_choices(value, f"{where}.{key}")
        for key, value in mutations.items()
    }


def tune_mutations(mutations: Mapping[str, Any]) -> dict[str, Any]:
    """Mutations as Tune's objects; a choice as a list, of which Tune tries neighbouring values."""
    converted: dict[str, Any] = {}
    for key, value in mutations.items():
        sampler = sampler_in(value, key)
        if sampler is None:
            converted[key] = tune_mutations(value)
        else:
            is_choice = sampler[0].domain == "choice"
            converted[key] = list(sampler[1]) if is_choice else tune_space(value)
    return converted


@dataclass(frozen=True)
class ClipToBounds:
    """``custom_explore_fn`` of PBT: clips values that a perturbation factor moved out of bounds.

    Attributes:
        mutations: as in the file.
    """

    mutations: Mapping[str, Any]

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        clipped = dict(config)
        for key, value in self.mutations.items():
            sampler = sampler_in(value, key)
            if sampler is None:
                clipped[key] = ClipToBounds(value)(config[key])
            elif sampler[0].domain != "choice":
                clipped[key] = _clipped(config[key], *sampler)
        return clipped


def _clipped(value: Any, sampler: Any, argument: Any) -> Any:
    low, high = sampler.extremes(argument)
    if sampler.domain == "quniform":
        step = argument[2]
        value = round(value / step) * step
    return min(max(value, low), high)
