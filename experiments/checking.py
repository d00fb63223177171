"""Checking an experiment before Ray starts: every key, every value, every contradiction."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import algorithms
from algorithms.results import result_names
from envs import EnvironmentRequestError, environment_spaces
from experiments.checking_keys import check_config, combinations, expanded
from experiments.errors import RequestError, nearest
from experiments.experiment import Experiment
from experiments.kinds import (
    Kind,
    boolean,
    choice,
    complaint,
    integer,
    number,
    optional,
    text,
)
from experiments.resources import demand_of
from experiments.search_space import alternatives


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
# Where RLlib's messages turn from what is wrong to general advice.
ADVICE = re.compile(r"\n|\. In PPO, the train batch")


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
            configs = [_built(experiment, values) for values in combinations(experiment.config)]
            for config, spaces in zip(configs, _check_envs(experiment, configs), strict=True):
                _check_network(config, spaces)
                _check_resources(config, available_cpus, available_gpus)
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


def _check_envs(experiment: Experiment, configs: list[Any]) -> list[tuple[Any, Any]]:
    """Build one copy of every environment asked for and close it.

    Returns:
        The spaces each configuration's network is built for: those of the first environment.
    """
    envs = alternatives(experiment.env, "env")
    known: dict[str, tuple[Any, Any]] = {}

    def spaces(env: Any, options: Mapping[str, Any]) -> tuple[Any, Any]:
        key = repr((env, sorted(options.items(), key=lambda item: str(item[0]))))
        if key not in known:
            known[key] = _spaces_of(env, options)
        return known[key]

    for other in expanded(experiment.config.get("evaluation_config") or {}, "evaluation_config"):
        if other and "env_config" in other:
            for env in envs:
                spaces(env, other["env_config"])
    found = []
    for config in configs:
        of_envs = [spaces(env, config.environment_options) for env in envs]
        found.append(of_envs[0])
    return found


def _spaces_of(env: Any, env_config: Mapping[str, Any]) -> tuple[Any, Any]:
    if not isinstance(env, str | type):
        raise RequestError(f"must be a name or a class path, got {env!r}", key="env")
    try:
        return environment_spaces(env, env_config)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key="env") from None
    except Exception as error:  # the environment's own code runs here
        raise RequestError(
            f"environment {env!r} fails: {type(error).__name__}: {error}", key="env"
        ) from None


def _built(experiment: Experiment, values: dict[str, Any]) -> Any:
    """The validated configuration object of one combination."""
    total, share = values.get("train_batch_size"), values.get("train_batch_size_per_learner")
    if total is not None and share is not None:
        raise RequestError(
            f"{total} has no effect beside train_batch_size_per_learner {share}",
            key="config.train_batch_size",
        )
    config = algorithms.config_class(experiment.algorithm)()
    config.environment(alternatives(experiment.env, "env")[0])
    try:
        # A deep copy: RLlib resolves class paths inside the dict it is given.
        config.update_from_dict(_plain(values))
        config.validate()
    except (ValueError, TypeError, AttributeError) as error:
        reason = ADVICE.split(str(error))[0]
        raise RequestError(reason, key="config") from None
    return config


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _check_network(config: Any, spaces: tuple[Any, Any]) -> None:
    """Build the network once: wrong shapes fail here, with the network's own sentence."""
    from ray.rllib.core import DEFAULT_MODULE_ID

    try:
        config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build()
    except Exception as error:  # a user's network may fail in any way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(f"the network cannot be built: {reason}", key="config.model") from None


def _check_resources(config: Any, cpus: float | None, gpus: float | None) -> None:
    asked = demand_of(config)
    if key := asked.nothing_asked:
        raise RequestError(
            "Tune places no process that asks for nothing",
            key=f"config.{key}",
            hint=f"a fraction such as {key}: 0.1 will do",
        )
    if cpus is not None and asked.cpus > cpus:
        fitting = max(asked.room(cpus) - asked.evaluating, 0)
        raise RequestError(
            f"needs {asked.cpus:g} CPUs, {cpus:g} are there",
            key="config.num_env_runners",
            hint=f"num_env_runners {fitting} would fit, or smaller num_cpus_per_env_runner, "
            "or --ray-num-cpus to let Ray oversubscribe",
        )
    if gpus is not None and asked.gpus > gpus:
        raise RequestError(
            f"needs {asked.gpus:g} GPUs, {gpus:g} are there", key="config.num_gpus_per_learner"
        )


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
