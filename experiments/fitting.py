"""Asking for no more than the machine has: fewer runners, the same batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.edits import each, mapped
from experiments.experiment import Experiment

_EVALUATION = "evaluation_num_env_runners"
_CPUS = (
    "num_cpus_per_env_runner",
    "num_cpus_for_main_process",
    "num_learners",
    "num_cpus_per_learner",
)


def fitted(
    experiment: Experiment, defaults: Any, cpus: float | None, gpus: float | None
) -> Experiment:
    """The experiment with resources that are there, and a note on every number that changed.

    A request of Tune that the machine cannot meet waits for ever. Runners are merged, so that all
    environments stay and the batch is the same; those that only evaluate go first. Of numbers
    given as grids those of environments per runner are merged, those of runners and
    GPUs are capped.

    Args:
        experiment: checked for names and kinds.
        defaults: the algorithm's configuration object.
        cpus: those Ray will have, None where a cluster decides; likewise ``gpus``.
    """
    changed: dict[str, Any] = {}
    for step, there in ((_gpus, gpus), (_evaluation, cpus), (_runners, cpus)):
        so_far = replace(experiment, config={**experiment.config, **changed})
        changed |= step(so_far, defaults, there)
    if not changed:
        return experiment
    before = {key: _value(experiment, defaults, key) for key in changed}
    other = [key for key in changed if changed[key] != before[key]]
    words = ", ".join(f"{key} {changed[key]} instead of {before[key]}" for key in other)
    note = f"fewer resources than asked for are there: {words}"
    return replace(
        experiment,
        config={**experiment.config, **changed},
        notes=(*experiment.notes, note),
    )


def _value(experiment: Experiment, defaults: Any, key: str) -> Any:
    return experiment.config.get(key, getattr(defaults, key))


def _gpus(experiment: Experiment, defaults: Any, gpus: float | None) -> dict[str, Any]:
    names = ("num_learners", "num_gpus_per_learner", "num_env_runners", "num_gpus_per_env_runner")
    given = [each(_value(experiment, defaults, name)) for name in names]
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
        changed["num_gpus_per_learner"] = mapped(lambda n: min(n, most), asked)
        if learners > 1:
            changed["num_learners"] = 0
    return changed


def _evaluating(experiment: Experiment, defaults: Any) -> list[int]:
    """How many runners evaluate, in each alternative; none where nothing is evaluated."""
    asked = each(_value(experiment, defaults, _EVALUATION))
    if not any(each(_value(experiment, defaults, "evaluation_interval"))):
        return []
    return asked if all(isinstance(number, int) for number in asked) else []


def _evaluation(experiment: Experiment, defaults: Any, cpus: float | None) -> dict[str, Any]:
    """Runners that evaluate go first: training's own process can evaluate too."""
    asked = [_value(experiment, defaults, name) for name in ("num_env_runners", *_CPUS)]
    asked[-1] = 1 if asked[-1] == "auto" else asked[-1]
    evaluating = _evaluating(experiment, defaults)
    runners, rest = each(asked[0]), asked[1:]
    if cpus is None or not all(isinstance(n, int | float) for n in [*runners, *rest]):
        return {}
    per_runner, main, learners, per_learner = rest
    free = cpus - main - learners * per_learner - max(runners) * per_runner
    if not evaluating or max(evaluating) * per_runner <= max(free, 0):
        return {}
    room = max(int(free / per_runner), 0)
    return {_EVALUATION: mapped(lambda n: min(n, room), experiment.config[_EVALUATION])}


def _runners(experiment: Experiment, defaults: Any, cpus: float | None) -> dict[str, Any]:
    names = ("num_env_runners", "num_envs_per_env_runner", *_CPUS)
    asked = [_value(experiment, defaults, name) for name in names]
    asked[-1] = 1 if asked[-1] == "auto" else asked[-1]
    if len(each(asked[0])) > 1:
        return _capped(experiment, defaults, cpus, asked)
    grid = each(asked[1])
    if cpus is None or not all(isinstance(n, int | float) for n in [*asked[:1], *grid, *asked[2:]]):
        return {}
    runners, _, per_runner, main, learners, per_learner = asked
    if main + runners * per_runner + learners * per_learner <= cpus or runners < 1:
        return {}
    asynchronous = experiment.algorithm == "A3C"
    changed: dict[str, Any] = {}
    if asynchronous and main:
        # Its main process applies gradients only: the runners may have all cores.
        changed["num_cpus_for_main_process"] = main = 0
    room = int((cpus - main - learners * per_learner) / per_runner) if per_runner else runners
    if room >= runners:
        return changed
    if asynchronous:
        return changed | {"num_env_runners": room} if room >= 1 else {}
    whole = (n for n in range(room, 0, -1) if not any(runners * envs % n for envs in grid))
    merged = next(whole, 0)
    new = mapped(lambda envs: runners * envs // max(merged, 1), asked[1])
    changed = {"num_env_runners": merged, "num_envs_per_env_runner": new}
    if merged:
        # Fewer runners need so much longer for the same batch.
        timeout = _value(experiment, defaults, "sample_timeout_s")
        changed["sample_timeout_s"] = timeout * -(-runners // merged)
    return changed


def _capped(
    experiment: Experiment, defaults: Any, cpus: float | None, asked: list[Any]
) -> dict[str, Any]:
    """A grid over runners: none of more than fit, and of equal alternatives one."""
    grid, (per_runner, main, learners, per_learner) = each(asked[0]), asked[2:]
    numbers = [*grid, per_runner, main, learners, per_learner]
    if cpus is None or not all(isinstance(n, int | float) for n in numbers) or not per_runner:
        return {}
    most = max(grid)
    if main + most * per_runner + learners * per_learner <= cpus:
        return {}
    changed: dict[str, Any] = {}
    if experiment.algorithm == "A3C" and main:
        changed["num_cpus_for_main_process"] = main = 0
    room = max(int((cpus - main - learners * per_learner) / per_runner), 0)
    # The batch is whole rounds of the most runners: a divisor of them makes whole rounds too.
    cap = next((n for n in range(min(room, most), 0, -1) if most % n == 0), 0)
    if experiment.algorithm == "A3C":
        if room < 1:
            return {}
        cap = room
    changed["num_env_runners"] = mapped(lambda n: min(n, cap), asked[0])
    if 0 < cap < most and experiment.algorithm != "A3C":
        timeout = _value(experiment, defaults, "sample_timeout_s")
        changed["sample_timeout_s"] = timeout * -(-most // cap)
    return changed
