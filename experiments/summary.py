"""The closing summary: one row per trial, the best checkpoint, the line that evaluates it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.experiment import Experiment
from experiments.progress import RETURN, STEPS, clock
from experiments.stopping import lookup

STATUS_OF = {"TERMINATED": "done", "ERROR": "failed"}


def trial_rows(results: Any, *, out_of_time: bool = False) -> list[dict[str, Any]]:
    """What became of every trial, as plain data.

    Args:
        results: Tune's ResultGrid; its trials that neither ended nor failed were interrupted.
        out_of_time: the experiment's time budget is spent, so that trials ended before their rule.
    """
    trials = results._experiment_analysis.trials  # the ResultGrid keeps statuses to itself
    return [_row(trial, out_of_time) for trial in trials]


def _row(trial: Any, out_of_time: bool) -> dict[str, Any]:
    result = trial.last_result or {}
    status = STATUS_OF.get(trial.status, "interrupted")
    # After Ctrl-C Tune calls trials TERMINATED, too; "done" says that a stop rule was met.
    if status == "done" and not (result.get("done") or out_of_time):
        status = "interrupted"
    checkpoint = trial.checkpoint.path if trial.checkpoint else None
    return {
        "trial": trial.trial_id,
        "status": status,
        "seed": trial.config.get("seed"),
        "iterations": result.get("training_iteration"),
        "steps": lookup(result, STEPS),
        "episode_return_mean": lookup(result, RETURN),
        "seconds": result.get("time_total_s"),
        "folder": str(trial.path),
        "checkpoint": checkpoint,
        "error": _last_error_line(trial),
    }


def print_summary(
    experiment: Experiment, rows: list[dict[str, Any]], folder: Path, seconds: float
) -> None:
    """Print the table of trials and what to do next."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{experiment.name}: {experiment.algorithm} on {experiment.env}")
    for heading in ("trial", "status", "seed", "steps", "return (mean of last)", "training time"):
        numeric = heading in ("seed", "steps", "return (mean of last)")
        table.add_column(heading, justify="right" if numeric else "left")
    for row in rows:
        mean = row["episode_return_mean"]
        table.add_row(
            row["trial"],
            row["status"],
            "" if row["seed"] is None else str(row["seed"]),
            f"{int(row['steps'] or 0):,}",
            "" if mean is None else f"{mean:.1f}",
            clock(row["seconds"] or 0.0),
        )
    console.print(table)
    for row in rows:
        if row["error"]:
            console.print(f"{row['trial']} failed: {row['error']}", markup=False)
            console.print(f"  the whole story: {row['folder']}/error.txt", markup=False)
    console.print(f"results: {folder} (finished after {clock(seconds)})", markup=False)
    _print_next_step(console, rows)


def _print_next_step(console: Console, rows: list[dict[str, Any]]) -> None:
    if not rows or any(row["status"] == "interrupted" for row in rows):
        console.print(f"interrupted; continue with: {resume_command()}", markup=False)
    with_checkpoint = [row for row in rows if row["checkpoint"]]
    if not with_checkpoint:
        console.print("no checkpoint was kept", markup=False)
        return
    best = max(with_checkpoint, key=lambda row: row["episode_return_mean"] or float("-inf"))
    console.print(f"best checkpoint: {best['checkpoint']}", markup=False)
    line = shlex.join(["rllib", "evaluate", best["checkpoint"], "--episodes", "100"])
    console.print(f"evaluate it: {line}", markup=False)


def resume_command() -> str:
    """The command line that continues this one."""
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--force", "--resume")]
    return shlex.join(["rllib", *arguments, "--resume"])


def _last_error_line(trial: Any) -> str | None:
    if trial.status != "ERROR":
        return None
    file = Path(trial.path) / "error.txt"
    lines = (
        [line for line in file.read_text().splitlines() if line.strip()] if file.exists() else []
    )
    return lines[-1] if lines else "no error text was written"
