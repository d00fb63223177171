"""Names and types of everything in an experiment, checked without building or importing what it names."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base import validators
from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.algorithms.base.validators import (
    LARGEST_SEED,
    Kind,
    complaint,
    integer,
    number,
    optional,
)
from rllib_zoo.experiments.errors import (
    IMPORT_HINT,
    Collected,
    RequestError,
    first_line,
    nearest,
    nearest_import,
)
from rllib_zoo.experiments.spec.experiment import SEED_SCORES, Experiment, require_name
from rllib_zoo.experiments.sweeps.schedulers import make_scheduler, with_mutations
from rllib_zoo.experiments.sweeps.search import make_search
from rllib_zoo.experiments.validation.environments import check_environments
from rllib_zoo.experiments.validation.keys import check_config


def seeds(value: object) -> str | None:
    """A list of different seeds."""
    numbers = value if isinstance(value, list | tuple) else []
    expected = "a list of different whole numbers such as [0, 1, 2]"
    if not numbers or any(map(integer(0), numbers)) or len(set(numbers)) != len(numbers):
        return expected
    return None if max(numbers) <= LARGEST_SEED else f"{expected}, at most {LARGEST_SEED}"


# Algorithms of RLlib that this project does not support.
UNSUPPORTED = (
    "APPO", "BC", "CQL", "DreamerV3", "IMPALA", "IQL", "MARWIL", "SAC",
    # and of its older releases
    "TD3", "APEX", "Apex", "ApexDQN", "APEX_DDPG", "ApexDDPG", "SimpleQ", "R2D2", "Rainbow",
    "DDPPO", "DD_PPO", "ES", "ARS", "QMIX", "MADDPG", "CRR", "DT", "SlateQ", "RNNSAC", "Dreamer",
    "MAML", "MBMPO", "AlphaZero", "AlphaStar", "LeelaChessZero", "BanditLinUCB", "BanditLinTS",
    "Random",
)  # fmt: skip
FIELD_KINDS: dict[str, Kind] = {
    "num_samples": integer(1),
    "checkpoint_frequency": optional(integer(0)),
    "checkpoint_at_end": optional(validators.boolean),
    "num_to_keep": optional(integer(1)),
    "score_order": optional(validators.choice("max", "min")),
    "storage_path": optional(validators.text),
    "max_failures": optional(integer(-1)),
    "time_budget_s": optional(number(0, above=True)),
    "seeds": optional(seeds),
    "mode": optional(validators.choice("max", "min")),
    "seed_score": optional(validators.choice(*SEED_SCORES)),
    "max_concurrent": optional(integer(1)),
}


# Settings that search and scheduler depend on.
_OF_SWEEPS = ("run", "stop", "metric", "mode", "seeds", "num_samples")


def check_request(experiment: Experiment) -> None:
    """Check everything that can be checked without building what the experiment names.

    Neither RLlib nor torch is imported, unless a class that the experiment names needs them.

    Raises:
        RequestError: every mistake, in the order of the file.
    """
    try:
        with Collected() as check:
            with check():
                check_names(experiment)
            with check():
                check_environments(experiment)
            wrong = {str(error.key).partition(".")[0] for error in check.errors}
            if (experiment.search or experiment.scheduler) and not wrong.intersection(_OF_SWEEPS):
                with check():
                    make_search(experiment)
                with check():
                    make_scheduler(experiment)
    except RequestError as error:
        raise experiment.located(error) from None


def check_names(experiment: Experiment) -> None:
    """Check names and types of all keys.

    Raises:
        RequestError: every mistake.
    """
    try:
        with Collected() as check:
            check.errors += experiment.errors
            with check():
                _check_algorithm(experiment)
            algorithm = _assumed_algorithm(experiment)
            _check_fields(experiment, algorithm, check)
            _check_stop(experiment, algorithm, check)
            config: Mapping[str, Any] = experiment.config
            with check():  # values that a scheduler may mutate are configuration, too
                config = with_mutations(experiment)
            if algorithm is not None:
                with check():
                    check_config(algorithm, config, "config")
    except RequestError as error:
        raise experiment.located(error) from None


def _check_algorithm(experiment: Experiment) -> None:
    name = experiment.algorithm
    if name is None or name in algorithms.names():  # a missing one is among the reader's errors
        return
    supported = f"use one of {', '.join(algorithms.names())}"
    if isinstance(name, str) and "." in name:
        with _own_class_errors(name):
            algorithms.add_path(name)
        return
    if name in UNSUPPORTED:
        raise RequestError(f"{name} is not supported", key="run", hint=supported)
    hint = nearest(str(name).upper(), algorithms.names()) or f"{supported}; {IMPORT_HINT}"
    raise RequestError(f"algorithm {name!r} is unknown", key="run", hint=hint)


@contextmanager
def _own_class_errors(path: str) -> Iterator[None]:
    """Errors of finding the class at a path as RequestErrors of the key ``run``."""
    try:
        yield
    except ValueError as error:
        raise RequestError(str(error), key="run") from None
    except Exception as error:  # the user's module runs here
        problem = f"{path!r} cannot be imported: {type(error).__name__}: {first_line(error)}"
        raise RequestError(problem, key="run", hint=nearest_import(path)) from None


def _assumed_algorithm(experiment: Experiment) -> str | None:
    """The algorithm whose keys to check: that of the file, or the only one it can mean."""
    name = str(experiment.algorithm)
    similar = difflib.get_close_matches(name.upper(), algorithms.names(), n=1)
    return name if name in algorithms.names() else next(iter(similar), None)


def _check_fields(experiment: Experiment, algorithm: str | None, check: Collected) -> None:
    with check():
        require_name(experiment.name, key="experiment name")
    for field, kind in FIELD_KINDS.items():
        if message := complaint(kind, getattr(experiment, field)):
            check.errors.append(RequestError(message, key=field))
    results = {
        "checkpoint_score_attribute": experiment.score_attribute,
        "metric": experiment.metric,
    }
    for key, result in results.items():
        with check():
            if result is not None and algorithm is not None:
                _check_result(experiment, algorithm, result, key, f"result {result!r} is unknown")
    if experiment.seeds is not None and "seed" in experiment.config:
        hint = "leave one of them out"
        check.errors.append(RequestError("conflicts with 'seeds'", key="config.seed", hint=hint))


def _check_stop(experiment: Experiment, algorithm: str | None, check: Collected) -> None:
    stop = experiment.stop
    if not isinstance(stop, Mapping):
        problem = f"must map result names to bounds, got {stop!r}"
        check.errors.append(RequestError(problem, key="stop"))
        return
    is_reported = any(error.key == "stop" for error in experiment.errors)
    if not stop and experiment.time_budget_s is None and not is_reported:
        hint = "stop: {timesteps_total: 100000}"
        check.errors.append(RequestError("missing stop rule", key="stop", hint=hint))
    for key, bound in stop.items() if algorithm is not None else ():
        with check():
            _check_bound(experiment, str(algorithm), str(key), bound)


def _check_bound(experiment: Experiment, algorithm: str, key: str, bound: Any) -> None:
    where = f"stop.{key}"
    if isinstance(bound, Mapping) and bound:
        inner, value = next(iter(bound.items()))
        hint = f'levels are joined by "/": {key}/{inner}: {value}'
        raise RequestError("must be a number", key=where, hint=hint)
    _check_result(experiment, algorithm, key, where, "unknown result name")
    grows = not key.endswith(("_mean", "_min", "_max")) and "learners/" not in key
    kind = number(0, above=True) if grows else number(-math.inf)
    if problem := complaint(kind, bound):
        raise RequestError(problem, key=where)


def _check_result(
    experiment: Experiment, algorithm: str, result: object, key: str, problem: str
) -> None:
    """Check that a result exists; of evaluations, that there are any."""
    names = result_names(algorithm)
    if result not in names:
        raise RequestError(problem, key=key, hint=_nearest_result(str(result), names))
    is_evaluation = str(result).startswith("evaluation/")
    if is_evaluation and not experiment.config.get("evaluation_interval"):
        problem = f"result {result!r} needs config.evaluation_interval"
        raise RequestError(problem, key=key, hint="config: {evaluation_interval: 1}")


def _nearest_result(key: str, names: tuple[str, ...]) -> str | None:
    """The nearest result name; one with the same last part is preferred."""
    same_end = [name for name in names if name.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
    return f"did you mean {same_end[0]!r}?" if same_end else nearest(key, names)
