"""Tune's population based training, in which whole numbers move.

Tune multiplies a value by 0.8 or 1.2 and rounds, so that its 1 and 2 stay what they are for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers.pbt import PopulationBasedTraining

from rllib_zoo.experiments.spec.search_space import sampler_in
from rllib_zoo.experiments.sweeps.mutations import ClipToBounds

_STEPPED = ("randint", "quniform")


class SteppingPBT(PopulationBasedTraining):
    """PBT whose stepped values change by at least a step and stay within their bounds."""

    def _get_new_config(self, trial: Any, trial_to_clone: Any) -> tuple[dict, dict]:
        new, operations = super()._get_new_config(trial, trial_to_clone)
        mutations = self._custom_explore_fn
        if isinstance(mutations, ClipToBounds):
            new = stepped(mutations.mutations, trial_to_clone.config, new, operations)
        return new, operations


def stepped(
    mutations: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    operations: Mapping[str, Any],
) -> dict[str, Any]:
    """The new configuration, with stepped values that a factor left where they were moved by a step.

    At a bound they move away from it.

    Args:
        mutations: as in the file.
        old: the configuration that was perturbed.
        new: the result, within bounds.
        operations: key → Tune's word for what it did, such as ``* 1.2``.
    """
    moved = dict(new)
    for key, value in mutations.items():
        sampler, operation = sampler_in(value, key), operations.get(key, "")
        if sampler is None:
            moved[key] = stepped(value, old[key], new[key], operation or {})
        elif sampler[0].domain in _STEPPED and str(operation).startswith("* "):
            up = float(str(operation).removeprefix("* ")) > 1
            moved[key] = _moved(old[key], new[key], up, *sampler)
    return moved


def _moved(old: Any, new: Any, up: bool, sampler: Any, argument: Any) -> Any:
    """``new``, or a step from ``old`` where both are equal and there is room."""
    if not math.isclose(old, new):
        return new
    low, high = sampler.extremes(argument)
    step = argument[2] if sampler.domain == "quniform" else 1
    targets = [old + step, old - step] if up else [old - step, old + step]
    # Steps of floats miss the bounds by a rounding error.
    room = [t for t in targets if low - step / 2 < t < high + step / 2]
    return min(max(room[0], low), high) if room else new
