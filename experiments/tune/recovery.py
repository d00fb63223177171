"""Resuming a trial from the newest complete checkpoint in its folder.

Tune resumes from the newest checkpoint in its saved state. It saves that state every ten seconds or
more, deletes checkpoints in between, and takes any folder for a complete checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ray.tune import Checkpoint

from rllib_zoo.algorithms.base.checkpoints import has_checksums, iteration_of
from rllib_zoo.experiments.console import note
from rllib_zoo.experiments.tune.checkpoint_checks import damage_of, set_aside
from rllib_zoo.experiments.tune.loggers import read_results
from rllib_zoo.experiments.tune.ray_internals import (
    TrainingResult,
    register_checkpoints,
    registered_checkpoints,
)
from rllib_zoo.experiments.tune.storage import copy_of


def use_newest_checkpoint(trial: Any) -> None:
    """Let an unfinished trial of Tune resume from the newest complete checkpoint in its folder.

    Damaged checkpoints are renamed, and so is one of a trial that was done, as training would continue
    past the stop criterion. Prints a note for each.
    """
    if trial.storage.trial_dir_name is None:  # a new trial
        return
    folder = copy_of(trial)
    checkpoints = sorted(folder.glob("checkpoint_*"), reverse=True)
    registered = registered_checkpoints(trial)
    if not checkpoints and not registered:
        return
    notes: list[str] = []
    results: list[TrainingResult] = []
    while checkpoints:
        problem = _problem(checkpoints[0], registered)
        results = [] if problem else _training_results(trial, folder, checkpoints, registered)
        if results and not results[-1].metrics.get("done"):
            break
        problem = problem or "made after the trial had reached its stop criterion"
        checkpoint = checkpoints.pop(0)
        notes.append(f"{checkpoint}: {problem}; renamed to {set_aside(checkpoint).name}")
        results = []
    register_checkpoints(trial, results)
    if notes:
        start = Path(results[-1].checkpoint.path).name if results else "its beginning"
        notes.append(f"{folder.name} resumes from {start}")
    for line in notes:
        note(line)


def _problem(checkpoint: Path, registered: Iterable[str]) -> str | None:
    """Why a trial cannot resume from a checkpoint; None where it can."""
    damage = damage_of(checkpoint)
    if damage is not None:
        return " ".join(damage)
    if not has_checksums(checkpoint) and checkpoint.name not in registered:
        return "training iteration unknown"
    return None


def _training_results(
    trial: Any, folder: Path, checkpoints: list[Path], registered: dict[str, TrainingResult]
) -> list[TrainingResult]:
    """Checkpoints (newest first) with their iteration's results as Tune keeps them, oldest first."""
    iterations = {path: _iteration(path, registered) for path in reversed(checkpoints)}
    rows = read_results(folder, {number for number in iterations.values() if number is not None})
    return [
        TrainingResult(
            Checkpoint(f"{trial.path}/{path.name}", trial.storage.storage_filesystem),
            rows.get(number, {"training_iteration": number}),
        )
        for path, number in iterations.items()
        if number is not None
    ]


def _iteration(checkpoint: Path, registered: dict[str, TrainingResult]) -> int | None:
    recorded = iteration_of(checkpoint)
    if recorded is None and checkpoint.name in registered:
        return int(registered[checkpoint.name].metrics["training_iteration"])
    return recorded
