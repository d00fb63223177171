"""The validation of experiments: what the rest of a command needs of it, as plain data.

It imports RLlib and torch, which take seconds and hundreds of MiB, builds environments and networks, and
then only their facts are needed: a child process does it, and the memory is free again while trials run.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.child_process import ChildProcess
from rllib_zoo.experiments.console import waiting_lines
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.preflight import DiskNeed
from rllib_zoo.experiments.validation.resources import Demand


@dataclass(frozen=True)
class Validation:
    """Facts about a valid experiment.

    Attributes:
        experiment: the request, reduced to the available resources, with notes.
        demands: resources of a trial, for every combination of alternatives of the configuration.
        requests: the same as Tune's placement groups.
        disk: the disk space that its trials need.
        manifest: of :func:`rllib_zoo.experiments.provenance.manifest.build_manifest`.
        steps_per_update: environment steps of an update, of the first combination.
        reuses_processes: whether a trial may continue in the process of one that is done.
    """

    experiment: Experiment
    demands: tuple[Demand, ...]
    requests: tuple[Any, ...]
    disk: DiskNeed
    manifest: dict[str, Any]
    steps_per_update: int
    reuses_processes: bool

    @property
    def demand(self) -> Demand:
        """Resources of a trial, of the first combination."""
        return self.demands[0]


def validation_of(experiment: Experiment, options: LaunchOptions) -> Validation:
    """Validate one experiment, in this process.

    Raises:
        RequestError: file, key, problem and the nearest valid name.
    """
    from rllib_zoo.experiments.launch.ray_cluster import available
    from rllib_zoo.experiments.provenance.manifest import build_manifest
    from rllib_zoo.experiments.sweeps.search import number_of_trials
    from rllib_zoo.experiments.validation.check import validate
    from rllib_zoo.experiments.validation.preflight import disk_need
    from rllib_zoo.experiments.validation.process_reuse import reuses_processes

    cpus, gpus = available(options)
    with waiting_lines(f"checking {experiment.name}: trying environment {str(experiment.env)!r}"):
        validated = validate(experiment, cpus=cpus, gpus=gpus, fit=True)
    experiment = validated.experiment
    algorithm = algorithms.algorithm_class(experiment.algorithm)
    request_of = algorithm.default_resource_request
    return Validation(
        experiment=experiment,
        demands=validated.demands,
        requests=tuple(request_of(config.to_dict()) for config in validated.configs),
        disk=disk_need(
            experiment, validated.config, validated.module, number_of_trials(experiment)
        ),
        manifest=build_manifest(
            experiment=experiment,
            resolved=validated.config,
            exact_resume=validated.exact_resume,
            physics=validated.physics,
            reserved_cpus=validated.demand.cpus,
        ),
        steps_per_update=algorithms.descriptor(experiment.algorithm).steps_per_update(
            validated.config
        ),
        reuses_processes=reuses_processes(experiment),
    )


def validate_all(
    experiments: Sequence[Experiment], options: LaunchOptions
) -> list[Validation | RequestError]:
    """The validation of each, or why it is invalid.

    Raises:
        CommandError: the process that validates crashed, in code of an environment or network.
    """
    validate = partial(_outcomes, experiments, options)
    may_fork = sys.platform == "linux" and threading.active_count() == 1
    if "ray.rllib" in sys.modules or not may_fork:
        return validate()
    names = ", ".join(f"{experiment.name} ({experiment.env})" for experiment in experiments)
    with ChildProcess(validate, f"trying environment and network of {names}") as child:
        # Meanwhile, for it takes a second.
        import ray.tune  # noqa: F401

        return list(child.result())


def _outcomes(
    experiments: Sequence[Experiment], options: LaunchOptions
) -> list[Validation | RequestError]:
    outcomes: list[Validation | RequestError] = []
    for experiment in experiments:
        try:
            outcomes.append(validation_of(experiment, options))
        except RequestError as error:
            outcomes.append(error)
    return outcomes
