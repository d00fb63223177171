"""Checking an experiment before Ray starts: every key, every value, every contradiction."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.validators import (
    Kind,
    boolean,
    choice,
    complaint,
    integer,
    number,
    optional,
    text,
)
from rllib_zoo.experiments.validation.build import (
    built_config,
    check_envs,
    check_network,
    check_resources,
)
from rllib_zoo.experiments.validation.keys import check_config, combinations


def seeds(value: object) -> str | None:
    """A list of different seeds."""
    listed = value if isinstance(value, list | tuple) else []
    good = listed and not any(map(integer(0), listed)) and len(set(listed)) == len(listed)
    return None if good else "a list of different whole numbers such as [0, 1, 2]"


# RLlib's, which this project does not offer.
FOREIGN = (
    "APPO", "BC", "CQL", "DreamerV3", "IMPALA", "IQL", "MARWIL", "SAC",
    # and those of its retired releases
    "TD3", "APEX", "Apex", "ApexDQN", "APEX_DDPG", "ApexDDPG", "SimpleQ", "R2D2", "Rainbow",
    "DDPPO", "DD_PPO", "ES", "ARS", "QMIX", "MADDPG", "CRR", "DT", "SlateQ", "RNNSAC", "Dreamer",
    "MAML", "MBMPO", "AlphaZero", "AlphaStar", "LeelaChessZero", "BanditLinUCB", "BanditLinTS",
    "Random",
)  # fmt: skip
FIELD_KINDS: dict[str, Kind] = {
    "num_samples": integer(1),
    "checkpoint_frequency": optional(integer(0)),
    "checkpoint_at_end": optional(boolean),
    "num_to_keep": optional(integer(1)),
    "score_order": optional(choice("max", "min")),
    "storage_path": optional(text),
    "max_failures": optional(integer(-1)),
    "time_budget_s": optional(number(0, above=True)),
    "seeds": optional(seeds),
    "mode": optional(choice("max", "min")),
    "max_concurrent": optional(integer(1)),
}


def check_experiment(
    experiment: Experiment,
    *,
    available_cpus: float | None = None,
    available_gpus: float | None = None,
) -> Any:
    """Check everything about an experiment that can be known before it runs.

    Args:
        experiment: as read and overridden; unchanged.
        available_cpus: what Ray will have; None skips the check. Likewise ``available_gpus``.

    Returns:
        The AlgorithmConfig after defaults; of grid searches, with their first alternatives.

    Raises:
        RequestError: file, key, what was wrong and the nearest right name.
    """
    try:
        with _quiet():
            check_names(experiment)
            configs = [
                built_config(experiment, values) for values in combinations(experiment.config)
            ]
            for config, spaces in zip(configs, check_envs(experiment, configs), strict=True):
                check_network(config, spaces)
                check_resources(config, available_cpus, available_gpus)
            return configs[0]
    except RequestError as error:
        raise error.located(experiment.source) from None


def check_names(experiment: Experiment) -> None:
    """Names and kinds of everything in the request; builds nothing.

    Raises:
        RequestError: as :func:`check_experiment`.
    """
    try:
        _check_algorithm(experiment)
        _check_fields(experiment)
        _check_stop(experiment)
        check_config(experiment.algorithm, experiment.config, "config")
    except RequestError as error:
        raise error.located(experiment.source) from None


def _check_algorithm(experiment: Experiment) -> None:
    name = experiment.algorithm
    if name in algorithms.NAMES:
        return
    known = ", ".join(algorithms.NAMES)
    if name in FOREIGN:
        raise RequestError(f"{name} is not offered here", key="run", hint=f"there are {known}")
    hint = nearest(str(name).upper(), algorithms.NAMES) or f"there are {known}"
    raise RequestError(f"algorithm {name!r} is unknown", key="run", hint=hint)


def _check_fields(experiment: Experiment) -> None:
    name = experiment.name
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        raise RequestError(f"{name!r} cannot name an experiment: it becomes a folder", key="name")
    for field, kind in FIELD_KINDS.items():
        if problem := complaint(kind, getattr(experiment, field)):
            raise RequestError(problem, key=field)
    named = {
        "checkpoint_score_attribute": experiment.score_attribute,
        "metric": experiment.metric,
    }
    known = result_names(experiment.algorithm)
    for key, result in named.items():
        if result is not None and result not in known:
            hint = _nearest_result(str(result), known)
            raise RequestError(f"result {result!r} is unknown", key=key, hint=hint)
    if experiment.seeds is not None and "seed" in experiment.config:
        raise RequestError("stands beside seeds", key="config.seed", hint="leave one of them out")


def _check_stop(experiment: Experiment) -> None:
    if not experiment.stop and experiment.time_budget_s is None:
        raise RequestError(
            "nothing says when to stop", key="stop", hint="stop: {timesteps_total: 100000}"
        )
    known = result_names(experiment.algorithm)
    if not isinstance(experiment.stop, Mapping):
        raise RequestError(f"must map result names to bounds, got {experiment.stop!r}", key="stop")
    for key, bound in experiment.stop.items():
        if key not in known:
            raise RequestError(
                "is no result", key=f"stop.{key}", hint=_nearest_result(str(key), known)
            )
        if key.startswith("evaluation/") and not experiment.config.get("evaluation_interval"):
            raise RequestError("needs config.evaluation_interval", key=f"stop.{key}")
        grows = not key.endswith(("_mean", "_min", "_max")) and "learners/" not in key
        kind = number(0, above=True) if grows else number(-math.inf)
        if problem := complaint(kind, bound):
            raise RequestError(problem, key=f"stop.{key}")


def _nearest_result(key: str, known: tuple[str, ...]) -> str | None:
    """The nearest result name; also by its last part, for people who leave the path out."""
    by_end = [name for name in known if name.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
    return f"did you mean {by_end[0]!r}?" if by_end else nearest(key, known)


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of Ray and gymnasium while checking: the one line is ours."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.rllib", "ray.tune")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
