"""Reduce the requested resources to the available ones: fewer runners, the same batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.grid import grid_values, map_grid
from rllib_zoo.experiments.validation.resources import NAMES, Demand, demand

# Configuration key → its value, possibly a grid.
Values = Callable[[str], Any]

_EVALUATION = "evaluation_num_env_runners"
_MAIN = "num_cpus_for_main_process"


def fit_resources(
    experiment: Experiment, defaults: Any, cpus: float | None, gpus: float | None
) -> Experiment:
    """Reduce an experiment to the available resources, with a note on every number that changed.

    Tune waits forever for resources that the machine does not have. Runners are merged, so that the
    number of environments and the batch stay the same; evaluation runners are reduced first, the
    main process's own CPUs last. In grids, numbers of environments per runner are merged, numbers of
    runners and GPUs are capped.

    Args:
        experiment: with names and types checked.
        defaults: the algorithm's configuration object.
        cpus: available CPUs; None where a cluster decides. Likewise ``gpus``.
    """
    changed: dict[str, Any] = {}

    def original(key: str) -> Any:
        return experiment.config.get(key, getattr(defaults, key))

    def value(key: str) -> Any:
        return changed.get(key, original(key))

    asynchronous = algorithms.descriptor(experiment.algorithm).asynchronous
    runners = _share_cpus if asynchronous else _reduce_runners
    for step, available in ((_gpus, gpus), (_evaluation, cpus), (runners, cpus), (_main, cpus)):
        if available is not None:
            changed |= step(value, available)
    if not changed:
        return experiment
    differences = ", ".join(
        f"{key} {new} instead of {original(key)}"
        for key, new in changed.items()
        if new != original(key)
    )
    note = f"fitted to the available resources: {differences}"
    config = {**experiment.config, **changed}
    return replace(experiment, config=config, notes=(*experiment.notes, note))


def _gpus(value: Values, gpus: float) -> dict[str, Any]:
    names = ("num_learners", "num_gpus_per_learner", "num_env_runners", "num_gpus_per_env_runner")
    grids = [grid_values(value(name)) for name in names]
    if not all(isinstance(number, int | float) for numbers in grids for number in numbers):
        return {}
    learners, per_learner, runners, per_runner = map(max, grids)
    runners += max(_evaluation_runners(value), default=0)
    of_learners = max(learners, 1) * per_learner
    if of_learners + runners * per_runner <= gpus:
        return {}
    changed: dict[str, Any] = {"num_gpus_per_env_runner": 0} if per_runner else {}
    if of_learners > gpus:
        # Several learners only help with several GPUs; one computes the same gradients.
        most = 1 if gpus >= 1 else 0
        changed["num_gpus_per_learner"] = map_grid(
            lambda n: min(n, most), value("num_gpus_per_learner")
        )
        if learners > 1:
            changed["num_learners"] = 0
    return changed


def _evaluation_runners(value: Values) -> list[int]:
    """The number of evaluation runners, of each alternative; empty if one is not a number."""
    numbers = grid_values(value(_EVALUATION))
    return numbers if all(isinstance(number, int) for number in numbers) else []


def _demand(value: Values) -> Demand | None:
    """The demand with the largest number of runners; None if another number is a grid."""
    values = {name: value(name) for name in NAMES}
    for name in ("num_env_runners", "num_gpus_per_learner", "num_gpus_per_env_runner"):
        alternatives = grid_values(values[name])
        if all(isinstance(number, int | float) for number in alternatives):
            # Without a GPU a learner requests a CPU: the fewest GPUs need the most CPUs.
            values[name] = (max if name == "num_env_runners" else min)(alternatives)
    numeric = all(isinstance(number, int | float) or number == "auto" for number in values.values())
    return demand(values.__getitem__, 0) if numeric else None


def _evaluation(value: Values, cpus: float) -> dict[str, Any]:
    """Reduce evaluation runners first: the main process can evaluate too."""
    requested, evaluating = _demand(value), _evaluation_runners(value)
    if requested is None or not any(evaluating) or not requested.per_runner:
        return {}
    if replace(requested, evaluating=max(evaluating)).cpus <= cpus:
        return {}
    room = max(requested.room(cpus) - requested.runners, 0)
    return {_EVALUATION: map_grid(lambda n: min(n, room), value(_EVALUATION))}


def _reduce_runners(value: Values, cpus: float) -> dict[str, Any]:
    """Merge runners, or cap them where their number is a grid."""
    requested = _demand(value)
    if requested is None or requested.runners < 1 or requested.cpus <= cpus:
        return {}
    if not requested.per_runner:
        return {}
    room, runners = requested.room(cpus), requested.runners
    if len(grid_values(value("num_env_runners"))) > 1:
        return _cap_runners(value, runners, room)
    if not all(isinstance(n, int) for n in grid_values(value("num_envs_per_env_runner"))):
        return {}
    return _merge_runners(value, runners, room)


def _main(value: Values, cpus: float) -> dict[str, Any]:
    """Reduce the CPUs of the main process to what the others leave."""
    requested = _demand(value)
    if requested is None:
        return {}
    evaluating = max(_evaluation_runners(value), default=0)
    left = int(cpus - replace(requested, main=0, evaluating=evaluating).cpus)
    return {_MAIN: left} if 1 <= left < value(_MAIN) else {}


def _share_cpus(value: Values, cpus: float) -> dict[str, Any]:
    """A3C: a runner per core; the learner, which mostly waits, takes its CPU from their shares.

    A main process of 0 CPUs is not possible: Tune drops empty bundles, which RLlib needs.
    """
    requested = _demand(value)
    if requested is None or requested.runners < 1 or requested.cpus <= cpus:
        return {}
    per_runner = requested.per_runner
    runners = min(requested.runners, int(cpus / per_runner)) if per_runner else 0
    free = cpus - requested.fixed
    if runners < 1 or free <= 0:
        return {}
    changed: dict[str, Any] = {}
    if runners < requested.runners:
        changed["num_env_runners"] = map_grid(lambda n: min(n, runners), value("num_env_runners"))
    if runners * per_runner > free:
        changed["num_cpus_per_env_runner"] = int(100 * free / runners) / 100
    return changed


def _merge_runners(value: Values, runners: int, room: int) -> dict[str, Any]:
    """The most runners that fit and divide the environments among them evenly."""
    envs = value("num_envs_per_env_runner")
    totals = [runners * n for n in grid_values(envs)]
    merged = next((n for n in range(room, 0, -1) if not any(total % n for total in totals)), 0)
    new = map_grid(lambda n: runners * n // max(merged, 1), envs)
    changed = {"num_env_runners": merged, "num_envs_per_env_runner": new}
    return changed | _more_time(value, runners, merged)


def _cap_runners(value: Values, most: int, room: int) -> dict[str, Any]:
    """Cap a grid of runners at what fits; equal alternatives become one."""
    # The batch is whole rounds of the most runners: a divisor of them makes whole rounds too.
    cap = next((n for n in range(min(room, most), 0, -1) if most % n == 0), 0)
    changed = {"num_env_runners": map_grid(lambda n: min(n, cap), value("num_env_runners"))}
    return changed | (_more_time(value, most, cap) if cap < most else {})


def _more_time(value: Values, before: int, after: int) -> dict[str, Any]:
    """Fewer runners take proportionally longer for the same batch."""
    return {"sample_timeout_s": value("sample_timeout_s") * -(-before // after)} if after else {}
