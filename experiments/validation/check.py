"""Validation of an experiment before Ray starts: keys, values and conflicts between them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.validators import LARGEST_SEED
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import alternatives
from rllib_zoo.experiments.sweeps.schedulers import mutated_paths, with_mutations
from rllib_zoo.experiments.validation import build
from rllib_zoo.experiments.validation.fit_resources import fit_resources
from rllib_zoo.experiments.validation.keys import combinations
from rllib_zoo.experiments.validation.names import check_request
from rllib_zoo.experiments.validation.populations import check_population
from rllib_zoo.experiments.validation.resources import Demand, check_resources, demand_of

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


@dataclass(frozen=True)
class Validated:
    """A validated experiment, with the objects that the checks built.

    Attributes:
        experiment: the request; with ``fit``, reduced to the available resources.
        configs: its AlgorithmConfigs with defaults, per combination of alternatives.
        spaces: observation and action space of the network.
        module: the network, an RLModule.
        demands: resources of a trial, per configuration.
        exact_resume: whether an interrupted run continues in the middle of its episodes.
        physics: package → version of the code that steps the environment.
    """

    experiment: Experiment
    configs: tuple[Any, ...]
    spaces: tuple[Any, Any]
    module: Any
    demands: tuple[Demand, ...]
    exact_resume: bool
    physics: Mapping[str, str]

    @property
    def config(self) -> Any:
        """The first configuration."""
        return self.configs[0]

    @property
    def demand(self) -> Demand:
        """Resources of a trial with the first alternatives."""
        return self.demands[0]


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
            check_request(experiment)
            if fit:
                experiment = fit_resources(
                    experiment, algorithms.default_config(experiment.algorithm), cpus, gpus
                )
            searched, configs = _searched(experiment), list(configurations(experiment))
            check_seeds(searched, configs)
            probed = build.probe_environments(searched, configs)
            check_population(searched, mutated_paths(experiment))
            networks = [build.build_network(*pair) for pair in zip(configs, probed, strict=True)]
            module, notes = networks[0], dict.fromkeys(experiment.notes)
            notes |= dict.fromkeys(note for probe in probed for note in probe.notes)
            for pair in zip(configs, networks, strict=True):
                notes |= dict.fromkeys(build.model_notes(*pair))
            validated = Validated(
                experiment=replace(experiment, notes=tuple(notes)),
                configs=tuple(configs),
                spaces=probed[0].spaces,
                module=module,
                demands=tuple(demand_of(config) for config in configs),
                exact_resume=configs[0].num_env_runners == 0 and probed[0].resumable,
                physics=probed[0].physics,
            )
            check_resources(validated.demands, experiment.algorithm, cpus, gpus)
            return validated
    except RequestError as error:
        raise experiment.located(error) from None


def configurations(experiment: Experiment) -> Iterator[Any]:
    """The configuration object of each combination of alternatives, checked by RLlib and this project.

    Raises:
        RequestError: one fails a check.
    """
    searched = _searched(experiment)
    for values in combinations(searched.config):
        yield build.build_config(searched, values)


def _searched(experiment: Experiment) -> Experiment:
    """The experiment with what a population mutates among its alternatives."""
    return replace(experiment, config=with_mutations(experiment))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress log lines of Ray, so that an error stays one line; warnings of users' code are printed."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.rllib", "ray.tune")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
