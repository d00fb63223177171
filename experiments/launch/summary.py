"""The final summary: one row per trial, the best checkpoint, the command that evaluates it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from rllib_zoo.algorithms.base.result_names import lookup, valid_number
from rllib_zoo.analysis.files.best_settings import NAME as BEST
from rllib_zoo.analysis.files.object_storage import shown, with_uris
from rllib_zoo.analysis.files.trials import stopped_early
from rllib_zoo.experiments.console import plain_console
from rllib_zoo.experiments.options import same_command
from rllib_zoo.experiments.provenance.trust import is_own
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.ranking import best_row, ranking_table, score, varied
from rllib_zoo.experiments.sweeps.schedulers import scheduler_name
from rllib_zoo.experiments.sweeps.winner import winner_line
from rllib_zoo.experiments.tune.progress import RETURN, STEPS, WINDOW, format_duration
from rllib_zoo.experiments.tune.ray_internals import (
    last_value,
    registered_checkpoints,
    trials_of,
)
from rllib_zoo.experiments.tune.signals import interruption
from rllib_zoo.experiments.tune.storage import copy_of, results_folder
from rllib_zoo.experiments.tune.trial_errors import trial_error

STATUS_OF = {"TERMINATED": "done", "ERROR": "failed"}
STOPPED_EARLY = "stopped early"
ENV_RESTARTS = "env_runners/num_env_restarts_lifetime"


def trial_rows(
    experiment: Experiment, results: Any, *, out_of_time: bool = False
) -> list[dict[str, Any]]:
    """The outcome of every trial, as plain data.

    Args:
        experiment: the request.
        results: Tune's ResultGrid; trials that neither ended nor failed were interrupted.
        out_of_time: the time budget is spent, so that trials ended before their stop rule.
    """
    return [
        _row(experiment, trial, _status(trial, experiment, out_of_time))
        for trial in trials_of(results)
    ]


def _status(trial: Any, experiment: Experiment, out_of_time: bool) -> str:
    status = STATUS_OF.get(trial.status, "interrupted")
    if status != "done":
        return status
    if stopped_early(results_folder(trial)):
        return STOPPED_EARLY
    # After Ctrl-C trials are TERMINATED, too; "done" is set when a stop rule was met.
    if (trial.last_result or {}).get("done"):
        return "done"
    if scheduler_name(experiment) == "hyperband" and trial.last_result and not out_of_time:
        return "done"  # it ends paused trials at the end of a round
    if out_of_time:
        return STOPPED_EARLY if experiment.stop else "done"
    return "interrupted"


def _row(experiment: Experiment, trial: Any, status: str) -> dict[str, Any]:
    result = trial.last_result or {}
    metric = experiment.metric or RETURN
    checkpoint, checkpoint_score = best_checkpoint(experiment, trial)
    return {
        "trial": trial.trial_id,
        "name": str(trial),
        "status": status,
        "seed": trial.config.get("seed"),
        "varied": varied(experiment, trial.config),
        "score": score(experiment, {metric: last_value(trial, metric)}),
        "iterations": result.get("training_iteration"),
        "steps": lookup(result, STEPS),
        "episode_return_mean": lookup(result, RETURN),
        "episode_window_size": lookup(result, WINDOW),
        "seconds": result.get("time_total_s"),
        "folder": with_uris(str(copy_of(trial))),
        "checkpoint": checkpoint,
        "checkpoint_score": checkpoint_score,
        "env_restarts": lookup(result, ENV_RESTARTS) or 0,
        "error": trial_error(trial) if trial.status == "ERROR" else None,
    }


def best_checkpoint(experiment: Experiment, trial: Any) -> tuple[str | None, float | None]:
    """Path and score of a trial's best checkpoint by ``checkpoint_score_attribute``, without one the last.

    Checkpoints whose result lacks the attribute come last; of equal ones the later is better.
    """
    name, best = experiment.score_attribute, trial.checkpoint
    if best is None or name is None:
        return (None if best is None else shown(copy_of(trial, best.path))), None
    scored = [
        (value, entry.checkpoint.path)
        for entry in registered_checkpoints(trial).values()
        if (value := valid_number(lookup(entry.metrics, name))) is not None
    ]
    if not scored:
        return shown(copy_of(trial, best.path)), None
    sign = -1.0 if experiment.score_order == "min" else 1.0
    value, path = max(scored, key=lambda pair: (sign * pair[0], pair[1]))
    return shown(copy_of(trial, path)), float(value)


def print_summary(
    experiment: Experiment,
    rows: list[dict[str, Any]],
    folder: Path,
    seconds: float,
    ranks: list[dict[str, Any]],
    train_best: str = "",
) -> None:
    """Print the table of trials, that of configurations of a sweep with its winner, and the next commands.

    Args:
        experiment: the request.
        rows: of :func:`trial_rows`.
        folder: the experiment's.
        seconds: the experiment took.
        ranks: of :func:`rllib_zoo.experiments.sweeps.ranking.ranking`.
        train_best: the command that trains the winner's settings again, "" without a winner.
    """
    console = plain_console()
    table = Table(title=f"{experiment.name}: {experiment.algorithm} on {experiment.env}")
    for heading in ("trial", "status", "steps", "mean return", "training time"):
        numeric = heading in ("steps", "mean return")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(
            row["name"],
            row["status"],
            f"{int(row['steps'] or 0):,}",
            _mean_return(row),
            format_duration(row["seconds"] or 0.0),
        )
    console.print(table, soft_wrap=False)
    if ranks:
        console.print(ranking_table(experiment, ranks), soft_wrap=False)
    for row in rows:
        if row["env_restarts"]:
            restarts = f"{int(row['env_restarts'])} environments were restarted after errors"
            console.print(f"{row['name']}: {restarts}, see the log")
        if row["error"]:
            console.print(f"{row['name']} failed: {row['error']}")
            console.print(f"  full traceback: {row['folder']}/error.txt")
    if not ranks and len(rows) > 1:
        console.print(_over_trials(rows))
    status = overall_status(rows)
    ending = "finished" if status == "done" else status
    console.print(f"results: {shown(folder)} ({ending} after {format_duration(seconds)})")
    if train_best:
        console.print(f"best: {winner_line(experiment, ranks)}")
        console.print(f"its settings are in {BEST}, train them on fresh seeds: {train_best}")
    _print_next_step(
        console, experiment, rows, ranks, () if is_own(folder) else ("--trust-checkpoint",)
    )
    if any(row["steps"] for row in rows):
        console.print(f"curves and statistics: {shlex.join(['rllib', 'report', shown(folder)])}")


def _over_trials(rows: list[dict[str, Any]]) -> str:
    """Mean and range over the trials of one configuration that are done, which differ by their seed."""
    done = [row for row in rows if row["status"] == "done"]
    text = f"{len(done)} of {len(rows)} trials are done"
    returns = [row["episode_return_mean"] for row in done if row["episode_return_mean"] is not None]
    if not returns:
        return text
    steps = [int(row["steps"] or 0) for row in done]
    return (
        f"{text}: mean return {fmean(returns):.1f} ({min(returns):.1f} to {max(returns):.1f}) after "
        f"{min(steps):,} to {max(steps):,} steps"
    )


def overall_status(rows: list[dict[str, Any]]) -> str:
    """``interrupted`` or ``failed`` if a trial is, else ``done``."""
    statuses = {row["status"] for row in rows} or {"interrupted"}
    return next((name for name in ("interrupted", "failed") if name in statuses), "done")


def _mean_return(row: Mapping[str, Any]) -> str:
    """A mean return with the number of its episodes; empty without one."""
    mean, episodes = row["episode_return_mean"], row["episode_window_size"]
    if mean is None:
        return ""
    return f"{mean:.1f}" if episodes is None else f"{mean:.1f} ({episodes:.0f} episodes)"


def _print_next_step(
    console: Any,
    experiment: Experiment,
    rows: list[dict[str, Any]],
    ranks: list[dict[str, Any]],
    trust: tuple[str, ...],
) -> None:
    ending = interruption()
    if ending is not None and ending.failed:
        pass  # its cause and the command are printed apart
    elif not rows or any(row["status"] == "interrupted" for row in rows):
        by = "" if ending is None else f" by {ending.cause}"
        console.print(f"interrupted{by}; continue with: {resume_command(trust)}")
    best = best_row(rows, ranks, vars(experiment))
    if best is None:
        console.print("no checkpoint was kept")
        return
    console.print(f"best checkpoint: {best['checkpoint']}")
    line = shlex.join(["rllib", "evaluate", best["checkpoint"], "--episodes", "100", *trust])
    console.print(f"evaluate it: {line}")


def resume_command(trust: tuple[str, ...] = ()) -> str:
    """The command line that continues this one; ``trust``: options to open its state."""
    return same_command("--resume", *trust, without=("--force",))
