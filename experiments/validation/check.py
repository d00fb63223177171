"""Validation of an experiment before Ray starts: keys, values and conflicts between them."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from rllib_zoo.envs import environment_name
from rllib_zoo.experiments.errors import IMPORT_HINT, RequestError, nearest
from rllib_zoo.experiments.spec.experiment import SEED_SCORES, Experiment
from rllib_zoo.experiments.spec.search_space import alternatives
from rllib_zoo.experiments.sweeps.schedulers import mutated_paths, with_mutations
from rllib_zoo.experiments.validation import build
from rllib_zoo.experiments.validation.fit_resources import fit_resources
from rllib_zoo.experiments.validation.keys import check_config, combinations
from rllib_zoo.experiments.validation.populations import check_population
from rllib_zoo.experiments.validation.resources import Demand, demand_of


def seeds(value: object) -> str | None:
    """A list of different seeds."""
    numbers = value if isinstance(value, list | tuple) else []
    expected = "a list of different whole numbers such as [0, 1, 2]"
    if not numbers or any(map(integer(0), numbers)) or len(set(numbers)) != len(numbers):
        return expected
    return None if max(numbers) <= LARGEST_SEED else f"{expected}, at most {LARGEST_SEED}"


# What RLlib adds to the seeds of evaluation.
EVALUATION_SEEDS = 1_000_000


def check_seeds(experiment: Experiment, configs: list[Any]) -> None:
    """Check that no process's seed exceeds 32 bits.

    Raises:
        RequestError: the largest one does.
    """
    added = max(
        max(c.num_env_runners, c.evaluation_num_env_runners + EVALUATION_SEEDS)
        if c.evaluation_interval
        else c.num_env_runners
        for c in configs
    )
    planned = [s for seed in experiment.planned_seeds for s in alternatives(seed, "config.seed")]
    largest = max((seed for seed in planned if seed is not None), default=0)
    if largest + added > LARGEST_SEED:
        problem = f"{largest} is too large: runners add up to {added} to it, and seeds have 32 bits"
        key = "seeds" if experiment.seeds is not None else "config.seed"
        raise RequestError(problem, key=key, hint=f"at most {LARGEST_SEED - added}")


# A part of the names of trial folders, which file systems limit to 255 bytes.
MAX_ENV_CHARACTERS = 150


def check_env_name(env: Any) -> None:
    """Check an environment's name, which Ray registers and results are named by.

    Raises:
        RequestError: it is too long, or not ASCII.
    """
    name = environment_name(env) if isinstance(env, str | type) else ""
    if not name.isascii() or not name.isprintable():
        raise RequestError(f"{name!r} must be printable ASCII characters", key="env")
    if len(name.rsplit("/", 1)[-1].rsplit(".", 1)[-1]) > MAX_ENV_CHARACTERS:
        problem = f"{name[:20]!r}… is longer than {MAX_ENV_CHARACTERS} characters"
        raise RequestError(f"{problem}, but names the trials' folders", key="env")


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


@dataclass(frozen=True)
class Validated:
    """A validated experiment, with the objects that the checks built.

    Attributes:
        experiment: the request; with ``fit``, reduced to the available resources.
        config: its AlgorithmConfig with defaults; of a search, with the first alternatives.
        spaces: observation and action space of the network.
        module: the network, an RLModule.
        demands: resources of a trial, per combination of alternatives.
        exact_resume: whether an interrupted run continues in the middle of its episodes.
        physics: package → version of the code that steps the environment.
    """

    experiment: Experiment
    config: Any
    spaces: tuple[Any, Any]
    module: Any
    demands: tuple[Demand, ...]
    exact_resume: bool
    physics: Mapping[str, str]

    @property
    def demand(self) -> Demand:
        """Resources of a trial with the first alternatives."""
        return self.demands[0]

    def check_resources(self, cpus: float | None, gpus: float | None) -> None:
        """Check that the requested resources are available; None: unknown.

        Raises:
            RequestError: with the requested and the available numbers.
        """
        fewest = algorithms.descriptor(self.experiment.algorithm).fewest_env_runners
        for demand in self.demands:
            build.check_resources(demand, fewest, cpus, gpus)


def validate(
    experiment: Experiment,
    *,
    cpus: float | None = None,
    gpus: float | None = None,
    fit: bool = False,
) -> Validated:
    """Validate an experiment before it runs, and build its configuration and network.

    Args:
        experiment: with all overrides; unchanged.
        cpus: CPUs available to Ray; None skips the check. Likewise ``gpus``.
        fit: reduce the requested resources to the available ones, with a note.

    Raises:
        RequestError: file, key, problem and the nearest valid name.
    """
    try:
        with _quiet():
            # Values that a scheduler may mutate are configuration, too.
            check_names(replace(experiment, config=with_mutations(experiment)))
            descriptor = algorithms.descriptor(experiment.algorithm)
            if fit:
                experiment = fit_resources(experiment, descriptor.config_class(), cpus, gpus)
            searched = replace(experiment, config=with_mutations(experiment))
            for env in alternatives(experiment.env, "env"):
                check_env_name(env)
            configs = [build.build_config(searched, c) for c in combinations(searched.config)]
            check_seeds(searched, configs)
            probed = build.probe_environments(searched, configs)
            check_population(searched, mutated_paths(experiment))
            networks = [build.build_network(*pair) for pair in zip(configs, probed, strict=True)]
            module, notes = networks[0], dict.fromkeys(experiment.notes)
            for pair in zip(configs, networks, strict=True):
                notes |= dict.fromkeys(build.model_notes(*pair))
            validated = Validated(
                experiment=replace(experiment, notes=tuple(notes)),
                config=configs[0],
                spaces=probed[0].spaces,
                module=module,
                demands=tuple(demand_of(config) for config in configs),
                exact_resume=configs[0].num_env_runners == 0 and probed[0].resumable,
                physics=probed[0].physics,
            )
            validated.check_resources(cpus, gpus)
            return validated
    except RequestError as error:
        raise error.located(experiment.source) from None


def check_names(experiment: Experiment) -> None:
    """Check names and types of all keys, and build nothing.

    Raises:
        RequestError: as :func:`validate`.
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
    if name in algorithms.names():
        return
    supported = f"use one of {', '.join(algorithms.names())}"
    if name in UNSUPPORTED:
        raise RequestError(f"{name} is not supported", key="run", hint=supported)
    hint = nearest(str(name).upper(), algorithms.names()) or f"{supported}; {IMPORT_HINT}"
    raise RequestError(f"algorithm {name!r} is unknown", key="run", hint=hint)


def _check_fields(experiment: Experiment) -> None:
    name = experiment.name
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        raise RequestError(f"{name!r} cannot name an experiment: it becomes a folder", key="name")
    for field, kind in FIELD_KINDS.items():
        if problem := complaint(kind, getattr(experiment, field)):
            raise RequestError(problem, key=field)
    names = result_names(experiment.algorithm)
    results = {
        "checkpoint_score_attribute": experiment.score_attribute,
        "metric": experiment.metric,
    }
    for key, result in results.items():
        if result is not None and result not in names:
            hint = _nearest_result(str(result), names)
            raise RequestError(f"result {result!r} is unknown", key=key, hint=hint)
        _check_evaluates(experiment, result, key)
    if experiment.seeds is not None and "seed" in experiment.config:
        raise RequestError(
            "conflicts with 'seeds'", key="config.seed", hint="leave one of them out"
        )


def _check_stop(experiment: Experiment) -> None:
    if not experiment.stop and experiment.time_budget_s is None:
        raise RequestError("missing stop rule", key="stop", hint="stop: {timesteps_total: 100000}")
    names = result_names(experiment.algorithm)
    if not isinstance(experiment.stop, Mapping):
        raise RequestError(f"must map result names to bounds, got {experiment.stop!r}", key="stop")
    for key, bound in experiment.stop.items():
        if key not in names:
            hint = _nearest_result(str(key), names)
            raise RequestError("unknown result name", key=f"stop.{key}", hint=hint)
        _check_evaluates(experiment, key, f"stop.{key}")
        grows = not key.endswith(("_mean", "_min", "_max")) and "learners/" not in key
        kind = number(0, above=True) if grows else number(-math.inf)
        if problem := complaint(kind, bound):
            raise RequestError(problem, key=f"stop.{key}")


def _check_evaluates(experiment: Experiment, result: str | None, key: str) -> None:
    """Check that results of evaluations are there where one is named."""
    is_evaluation = result is not None and result.startswith("evaluation/")
    if is_evaluation and not experiment.config.get("evaluation_interval"):
        problem = f"result {result!r} needs config.evaluation_interval"
        raise RequestError(problem, key=key, hint="config: {evaluation_interval: 1}")


def _nearest_result(key: str, names: tuple[str, ...]) -> str | None:
    """The nearest result name; one with the same last part is preferred."""
    same_end = [name for name in names if name.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
    return f"did you mean {same_end[0]!r}?" if same_end else nearest(key, names)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings of Ray and gymnasium, so that an error stays one line."""
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
