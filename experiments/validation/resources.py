"""The resources of one trial: CPUs and GPUs, added up in this one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError

NAMES = (
    "num_env_runners", "num_cpus_per_env_runner", "num_gpus_per_env_runner", "num_learners",
    "num_cpus_per_learner", "num_gpus_per_learner", "num_cpus_for_main_process",
)  # fmt: skip


@dataclass(frozen=True)
class Demand:
    """The resources of one trial, as RLlib requests them of Tune (a placement group).

    Without learner processes the learner works in the main process: RLlib takes the larger of both
    numbers there, so a main process of 0 CPUs still requests the learner's one.

    Attributes:
        main: CPUs of the main process, the local learner included.
        learners: number of learner processes; per_learner: CPUs of each.
        runners: number of training runners; evaluating: of evaluation runners; per_runner: CPUs of each.
        gpus_per_learner: also of the local learner; gpus_per_runner: of each runner.
    """

    main: float
    learners: int
    per_learner: float
    runners: int
    evaluating: int
    per_runner: float
    gpus_per_learner: float
    gpus_per_runner: float

    @property
    def cpus(self) -> float:
        """Total CPUs."""
        # Rounded: ten times 0.1 is 1.
        return round(self.fixed + (self.runners + self.evaluating) * self.per_runner, 6)

    @property
    def fixed(self) -> float:
        """CPUs of the main process and the learners."""
        return self.main + self.learners * self.per_learner

    @property
    def gpus(self) -> float:
        """Total GPUs."""
        of_runners = (self.runners + self.evaluating) * self.gpus_per_runner
        return max(self.learners, 1) * self.gpus_per_learner + of_runners

    @property
    def empty_request(self) -> str | None:
        """The key by which a process requests neither CPU nor GPU; None if no process does.

        Tune drops empty bundles, and RLlib then cannot place the process.
        """
        others = self.runners + self.evaluating
        if others and not (self.per_runner or self.gpus_per_runner):
            return "num_cpus_per_env_runner"
        if not (self.main or (self.gpus_per_learner and not self.learners)):
            return "num_cpus_for_main_process" if others or self.learners else None
        return None

    def room(self, cpus: float) -> int:
        """How many runners fit, evaluation runners included."""
        return max(int(round((cpus - self.fixed) / (self.per_runner or 1), 6)), 0)


def demand(value: Callable[[str], Any], evaluating: int) -> Demand:
    """The demand of a configuration.

    Args:
        value: returns the number of a key in ``NAMES``.
        evaluating: evaluation runners; RLlib starts them even without an evaluation_interval.
    """
    learners, gpus = value("num_learners"), value("num_gpus_per_learner")
    per_learner, main = value("num_cpus_per_learner"), value("num_cpus_for_main_process")
    if per_learner == "auto":
        per_learner = 0 if gpus else 1
    return Demand(
        main=main if learners else max(main, per_learner),
        learners=learners,
        per_learner=per_learner,
        runners=value("num_env_runners"),
        evaluating=evaluating,
        per_runner=value("num_cpus_per_env_runner"),
        gpus_per_learner=gpus,
        gpus_per_runner=value("num_gpus_per_env_runner"),
    )


def demand_of(config: Any) -> Demand:
    """The demand of a resolved AlgorithmConfig."""
    return demand(lambda name: getattr(config, name), config.evaluation_num_env_runners)


def first_without_room(
    bundles: Iterable[Mapping[str, float]], nodes: Iterable[Mapping[str, float]]
) -> Mapping[str, float] | None:
    """The first bundle that fits on no machine, the largest placed first; None if all fit.

    Args:
        bundles: resource → amount; each must stay on one machine.
        nodes: resources of each machine.
    """
    free = [dict(node) for node in nodes]
    for bundle in sorted(bundles, key=lambda b: (b.get("GPU", 0), b.get("CPU", 0)), reverse=True):
        fits = [n for n in free if all(n.get(name, 0) >= amount for name, amount in bundle.items())]
        if not fits:
            return bundle
        for name, amount in bundle.items():
            fits[0][name] = fits[0].get(name, 0) - amount
    return None


def check_resources(
    demands: Iterable[Demand], algorithm: str, cpus: float | None, gpus: float | None
) -> None:
    """Check that a trial's resources are available.

    Args:
        demands: of every combination of alternatives.
        algorithm: its name, for the fewest runners it can have.
        cpus: None: unknown; likewise ``gpus``.

    Raises:
        RequestError: with the numbers, and how many runners would fit.
    """
    fewest_env_runners = algorithms.descriptor(algorithm).fewest_env_runners
    for requested in demands:
        if key := requested.empty_request:
            raise RequestError(
                "a process must request CPU or GPU > 0",
                key=f"config.{key}",
                hint=f"a fraction such as {key}: 0.1 is enough",
            )
        if cpus is not None and requested.cpus > cpus:
            raise _too_few_cpus(requested, fewest_env_runners, cpus)
        if gpus is not None and requested.gpus > gpus:
            problem = f"needs {requested.gpus:g} GPUs, {gpus:g} available"
            raise RequestError(problem, key="config.num_gpus_per_learner")


def _too_few_cpus(requested: Demand, fewest_env_runners: int, cpus: float) -> RequestError:
    hint = "--ray-num-cpus to let Ray oversubscribe"
    key = "num_learners" if requested.learners else "num_cpus_for_main_process"
    if requested.runners + requested.evaluating:
        key, hint = "num_env_runners", f"smaller num_cpus_per_env_runner, or {hint}"
        runners = max(requested.room(cpus) - requested.evaluating, 0)
        if runners >= fewest_env_runners:
            hint = f"num_env_runners {runners} would fit, or {hint}"
    problem = f"needs {requested.cpus:g} CPUs, {cpus:g} available"
    return RequestError(problem, key=f"config.{key}", hint=hint)
