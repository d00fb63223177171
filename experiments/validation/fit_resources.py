"""Asking for no more than the machine has: fewer runners, the same batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.grid import grid_values, map_grid
from rllib_zoo.experiments.validation.resources import NAMES, Demand, demand

_EVALUATION = "evaluation_num_env_runners"
_MAIN = "num_cpus_for_main_process"


def fitted(
    experiment: Experiment, defaults: Any, cpus: float | None, gpus: float | None
) -> Experiment:
    """The experiment with resources that are there, and a note on every number that changed.

    A request of Tune that the machine cannot meet waits for ever. Runners are merged, so that all
    environments stay and the batch is the same; those that only evaluate go first, the main
    process's own threads last. Of numbers given as grids those of environments per runner are
    merged, those of runners and GPUs are capped.

    Args:
        experiment: checked for names and kinds.
        defaults: the algorithm's configuration object.
        cpus: those Ray will have, None where a cluster decides; likewise ``gpus``.
    """
    changed: dict[str, Any] = {}
    for step, there in ((_gpus, gpus), (_evaluation, cpus), (_runners, cpus), (_main, cpus)):
        so_far = replace(experiment, config={**experiment.config, **changed})
        changed |= step(so_far, defaults, there)
    if not changed:
        return experiment
    before = {key: _value(experiment, defaults, key) for key in changed}
    other = [key for key in changed if changed[key] != before[key]]
    words = ", ".join(f"{key} {changed[key]} instead of {before[key]}" for key in other)
    note = f"reduced to the available resources: {words}"
    return replace(
        experiment,
        config={**experiment.config, **changed},
        notes=(*experiment.notes, note),
    )


def _value(experiment: Experiment, defaults: Any, key: str) -> Any:
    return experiment.config.get(key, getattr(defaults, key))


def _gpus(experiment: Experiment, defaults: Any, gpus: float | None) -> dict[str, Any]:
    names = ("num_learners", "num_gpus_per_learner", "num_env_runners", "num_gpus_per_env_runner")
    given = [grid_values(_value(experiment, defaults, name)) for name in names]
    if gpus is None or not all(isinstance(n, int | float) for numbers in given for n in numbers):
        return {}
    learners, per_learner, runners, per_runner = (max(numbers) for numbers in given)
    evaluating = max(_evaluating(experiment, defaults), default=0)
    if max(learners, 1) * per_learner + (runners + evaluating) * per_runner <= gpus:
        return {}
    changed: dict[str, Any] = {}
    if per_runner:
        changed["num_gpus_per_env_runner"] = 0
    if max(learners, 1) * per_learner > gpus:
        # Several learners were there for the GPUs; one computes the same gradients.
        most = 1 if gpus >= 1 else 0
        asked = _value(experiment, defaults, "num_gpus_per_learner")
        changed["num_gpus_per_learner"] = map_grid(lambda n: min(n, most), asked)
        if learners > 1:
            changed["num_learners"] = 0
    return changed


def _evaluating(experiment: Experiment, defaults: Any) -> list[int]:
    """How many runners evaluate, in each alternative."""
    asked = grid_values(_value(experiment, defaults, _EVALUATION))
    return asked if all(isinstance(number, int) for number in asked) else []


def _demand(experiment: Experiment, defaults: Any) -> Demand | None:
    """The demand of the most runners asked for; None where another number has no one value."""
    given = {name: _value(experiment, defaults, name) for name in NAMES}
    for name in ("num_env_runners", "num_gpus_per_learner", "num_gpus_per_env_runner"):
        alternatives = grid_values(given[name])
        if all(isinstance(number, int | float) for number in alternatives):
            # Without a GPU a learner asks for a CPU: the fewest GPUs ask for the most CPUs.
            given[name] = (max if name == "num_env_runners" else min)(alternatives)
    known = (isinstance(number, int | float) or number == "auto" for number in given.values())
    return demand(given.__getitem__, 0) if all(known) else None


def _evaluation(experiment: Experiment, defaults: Any, cpus: float | None) -> dict[str, Any]:
    """Runners that evaluate go first: training's own process can evaluate too."""
    asked = _demand(experiment, defaults)
    evaluating = _evaluating(experiment, defaults)
    if cpus is None or asked is None or not any(evaluating):
        return {}
    if replace(asked, evaluating=max(evaluating)).cpus <= cpus or not asked.per_runner:
        return {}
    room = max(asked.room(cpus) - asked.runners, 0)
    return {_EVALUATION: map_grid(lambda n: min(n, room), experiment.config[_EVALUATION])}


def _runners(experiment: Experiment, defaults: Any, cpus: float | None) -> dict[str, Any]:
    asked, grid = _demand(experiment, defaults), grid_values(_envs(experiment, defaults))
    if cpus is None or asked is None or asked.runners < 1 or asked.cpus <= cpus:
        return {}
    if algorithms.descriptor(experiment.algorithm).asynchronous:
        return _sharing(experiment, defaults, asked, cpus)
    if not asked.per_runner:
        return {}
    room, runners = asked.room(cpus), asked.runners
    if len(grid_values(_value(experiment, defaults, "num_env_runners"))) > 1:
        return _capped(experiment, defaults, runners, room)
    if not all(isinstance(envs, int) for envs in grid):
        return {}
    return _merged(experiment, defaults, runners, room)


def _main(experiment: Experiment, defaults: Any, cpus: float | None) -> dict[str, Any]:
    """A main process that wants more CPUs for its threads than the others leave has what is left."""
    asked = _demand(experiment, defaults)
    if cpus is None or asked is None:
        return {}
    evaluating = max(_evaluating(experiment, defaults), default=0)
    left = int(cpus - replace(asked, main=0, evaluating=evaluating).cpus)
    return {_MAIN: left} if 1 <= left < _value(experiment, defaults, _MAIN) else {}


def _sharing(experiment: Experiment, defaults: Any, asked: Demand, cpus: float) -> dict[str, Any]:
    """A3C: a runner per core; the learner, which mostly waits, has its CPU from their shares.

    A main process of no CPUs is no way: Tune drops empty bundles, and RLlib then misses one.
    """
    runners = min(asked.runners, int(cpus / asked.per_runner)) if asked.per_runner else 0
    free = cpus - asked.fixed
    if runners < 1 or free <= 0:
        return {}
    changed: dict[str, Any] = {}
    if runners < asked.runners:
        given = _value(experiment, defaults, "num_env_runners")
        changed["num_env_runners"] = map_grid(lambda n: min(n, runners), given)
    if runners * asked.per_runner > free:
        changed["num_cpus_per_env_runner"] = int(100 * free / runners) / 100
    return changed


def _envs(experiment: Experiment, defaults: Any) -> Any:
    return _value(experiment, defaults, "num_envs_per_env_runner")


def _merged(experiment: Experiment, defaults: Any, runners: int, room: int) -> dict[str, Any]:
    """So many fewer runners that each has a whole number of environments more."""
    envs = _envs(experiment, defaults)
    whole = (
        n for n in range(room, 0, -1) if not any(runners * some % n for some in grid_values(envs))
    )
    merged = next(whole, 0)
    new = map_grid(lambda some: runners * some // max(merged, 1), envs)
    changed = {"num_env_runners": merged, "num_envs_per_env_runner": new}
    return changed | _more_time(experiment, defaults, runners, merged)


def _capped(experiment: Experiment, defaults: Any, most: int, room: int) -> dict[str, Any]:
    """A grid over runners: none of more than fit, and of equal alternatives one."""
    # The batch is whole rounds of the most runners: a divisor of them makes whole rounds too.
    cap = next((n for n in range(min(room, most), 0, -1) if most % n == 0), 0)
    given = _value(experiment, defaults, "num_env_runners")
    changed = {"num_env_runners": map_grid(lambda n: min(n, cap), given)}
    return changed | (_more_time(experiment, defaults, most, cap) if cap < most else {})


def _more_time(experiment: Experiment, defaults: Any, before: int, after: int) -> dict[str, Any]:
    """Fewer runners need so much longer for the same batch."""
    if not after:
        return {}
    timeout = _value(experiment, defaults, "sample_timeout_s")
    return {"sample_timeout_s": timeout * -(-before // after)}
