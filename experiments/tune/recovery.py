"""Where a trial goes on: at the newest whole checkpoint in its folder.

Tune goes on from the newest checkpoint it remembers. It writes down what it knows every ten seconds or
more, and deletes checkpoints in between; and it takes any folder for a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ray.train._internal.session import _TrainingResult  # what Tune's checkpoint managers hold
from ray.tune import Checkpoint

from rllib_zoo.algorithms.base.checkpoints import defect, is_sealed, iteration_of
from rllib_zoo.experiments.tune.checkpoint_checks import put_aside
from rllib_zoo.experiments.tune.loggers import rows_of


def adopt_checkpoints(trial: Any) -> list[str]:
    """Make Tune's memory of a trial that is about to go on agree with the trial's folder.

    Checkpoints that are damaged, or newer than the one it goes on from, get another name. One after which
    the trial was done is not gone on from: training would pass its end.

    Args:
        trial: Tune's; not finished.

    Returns:
        What is to be told, in sentences.
    """
    if trial.storage.trial_dir_name is None:  # a new one
        return []
    folder = Path(trial.path)
    checkpoints = sorted(folder.glob("checkpoint_*"), reverse=True)
    known = _remembered(trial)
    if not checkpoints and not known:
        return []
    notes: list[str] = []
    while checkpoints:
        problem = _unusable(checkpoints[0], known)
        results = [] if problem else _results(trial, folder, checkpoints, known)
        if results and not results[-1].metrics.get("done"):
            break
        problem = problem or "was made when the trial was done, which Tune had not noted"
        checkpoint = checkpoints.pop(0)
        notes.append(f"{checkpoint}: {problem}; it is called {put_aside(checkpoint).name} now")
    else:
        results = []
    _remember(trial, results)
    if notes:
        start = Path(results[-1].checkpoint.path).name if results else "its beginning"
        notes.append(f"{folder.name} goes on from {start}")
    return notes


def _remembered(trial: Any) -> dict[str, _TrainingResult]:
    """Name of a checkpoint → what Tune remembers of it."""
    manager = trial.run_metadata.checkpoint_manager
    found = [*manager.best_checkpoint_results, manager.latest_checkpoint_result]
    return {Path(result.checkpoint.path).name: result for result in found if result is not None}


def _unusable(checkpoint: Path, known: Iterable[str]) -> str | None:
    """Why a checkpoint cannot be gone on from, None where it can."""
    found = defect(checkpoint)
    if found is not None:
        return f"{found[0]} {found[1]}"
    if not is_sealed(checkpoint) and checkpoint.name not in known:
        return "says nowhere after which iteration it was made"
    return None


def _results(
    trial: Any, folder: Path, checkpoints: list[Path], known: dict[str, _TrainingResult]
) -> list[_TrainingResult]:
    """What Tune would remember of checkpoints, the oldest first."""
    iterations = {path: _iteration(path, known) for path in reversed(checkpoints)}
    rows = rows_of(folder, {number for number in iterations.values() if number is not None})
    return [
        _TrainingResult(
            Checkpoint(str(path), trial.storage.storage_filesystem),
            rows.get(number, {"training_iteration": number}),
        )
        for path, number in iterations.items()
        if number is not None
    ]


def _iteration(checkpoint: Path, known: dict[str, _TrainingResult]) -> int | None:
    sealed = iteration_of(checkpoint)
    if sealed is None and checkpoint.name in known:
        return int(known[checkpoint.name].metrics["training_iteration"])
    return sealed


def _remember(trial: Any, results: list[_TrainingResult]) -> None:
    """Let these be the checkpoints Tune knows of; those it does not keep it deletes."""
    metadata = trial.run_metadata
    manager = type(metadata.checkpoint_manager)(metadata.checkpoint_manager.checkpoint_config)
    for result in results:
        manager.register_checkpoint(result)
    metadata.checkpoint_manager = manager
    newest = Path(results[-1].checkpoint.path).name.removeprefix("checkpoint_") if results else "-1"
    trial.storage.current_checkpoint_index = int(newest)
    trial.invalidate_json_state()
    metadata.invalidate_cache()
