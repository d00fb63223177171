"""Check that the trials of a population can copy each other's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives, at, placed
from rllib_zoo.experiments.validation import build
from rllib_zoo.experiments.validation.keys import combinations


def check_population(experiment: Experiment, paths: Mapping[tuple[Any, ...], str]) -> None:
    """Check that no mutated value changes the network or the optimizer.

    A trial that copies another continues from its checkpoint with a mutated configuration.

    Args:
        experiment: validated, with samplers in place of mutated values.
        paths: path of every mutated value in the configuration → its key in the file.

    Raises:
        RequestError: names the key and the first weights that differ.
    """
    first = combinations(experiment.config)[0]
    for path, key in paths.items():
        values = alternatives(at(experiment.config, path), key)
        states = [_state(experiment, placed(first, path, value)) for value in values]
        for value, state in zip(values[1:], states[1:], strict=True):
            if state == states[0]:
                continue
            name = min(n for n in {*state, *states[0]} if state.get(n) != states[0].get(n))
            shapes = [str(s.get(name, "none")) for s in (states[0], state)]
            problem = f"cannot be mutated: {name} is {shapes[0]} with {values[0]!r}"
            problem += f", {shapes[1]} with {value!r}, and trials copy each other's checkpoints"
            hint = "use search: random, or one experiment for each value"
            raise RequestError(problem, key=key, hint=hint)


def _state(experiment: Experiment, values: dict[str, Any]) -> dict[str, Any]:
    """Shape of every weight, and the type of the optimizer."""
    config = build.build_config(experiment, values)
    [probed] = build.probe_environments(experiment, [config])
    weights = build.build_network(config, probed).state_dict()
    shapes: dict[str, Any] = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    return {**shapes, "optimizer": getattr(config, "optimizer", {}).get("type")}
