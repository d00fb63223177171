"""The tables of studies as Markdown, every wanted run in them with a status."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.comparability import require_same_environment
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.statistics import FEW_RUNS, estimate, iqm
from rllib_zoo.experiments.studies.catalog import Cell, Study
from rllib_zoo.experiments.studies.measures import (
    SIGNAL_STEPS,
    cpu_hours,
    efficiencies,
    first_reaching,
    median_of,
    parts_of,
    rate_of,
    signal_of,
    staleness_of,
    variance_of,
)
from rllib_zoo.experiments.studies.runs import MISSING, Run, runs_of

COLUMNS = (
    "cell", "runs done", "others", "until", "final score: IQM [95 %]", "target", "reached by",
    "steps to it", "seconds to it", "steps/s", "CPU-hours",
)  # fmt: skip


def study_table(study: Study, results: Path) -> str:
    """A row per cell: its status, scores with an interval where seeds are enough, and costs.

    Where a table of published scores counts all runs, cells without a run are one sentence.

    Raises:
        DifferentEnvironmentsError: runs of one environment played it differently.
    """
    runs = runs_of(study, results)
    require_same_worlds(study, runs)
    extras = _extra_columns(study, runs)
    rows, silent = [], 0
    for cell in study.cells:
        mine = [run for run in runs if run.cell.name == cell.name]
        if study.published is not None and all(run.status == MISSING for run in mine):
            silent += 1
            continue
        done = [run for run in mine if run.done]
        rows.append([*_row(cell, mine), *(value_of(cell, done) for value_of in extras.values())])
    table = tables.markdown([*COLUMNS, *extras], rows)
    return f"{table}\nNot run: {silent} of {len(study.cells)} cells.\n" if silent else table


def _extra_columns(
    study: Study, runs: Sequence[Run]
) -> dict[str, Callable[[Cell, list[Run]], str]]:
    """Heading → what stands under it for a cell and its runs that are done."""
    found: dict[str, Callable[[Cell, list[Run]], str]] = {}
    if played := sorted({cell.greedy_episodes for cell in study.cells} - {0}):
        episodes = " or ".join(map(str, played))
        heading = f"greedy return over {episodes} episodes: median (lowest to highest seed)"
        found[heading] = lambda _, done: greedy_scores(done)
    if "efficiency" in study.figures:
        scaling = efficiencies([run for run in runs if run.done])
        found["efficiency"] = lambda cell, _: _digits(scaling.get(cell.name, math.nan), 2)
        found["staleness"] = lambda _, done: _digits(median_of(map(staleness_of, done)), 2)
    if "gradient_variance" in study.figures:
        found["first gradient: variance"] = lambda _, done: _short(
            median_of(variance_of(run.rows[:1]) for run in done)
        )
        heading = f"signal to noise of {SIGNAL_STEPS:,} steps, first fifth"
        found[heading] = lambda _, done: _digits(median_of(map(_early_signal, done)), 2)
    return found


def require_same_worlds(study: Study, runs: Sequence[Run]) -> None:
    """Refuse to set runs side by side that played one environment differently.

    Raises:
        DifferentEnvironmentsError: names the runs and the key.
    """
    for env in study.envs:
        kept = [run for run in runs if run.cell.env == env and run.about]
        require_same_environment(
            {
                f"{r.cell.name} seed {r.seed}": r.about.get("environment_signature") or {}
                for r in kept
            }
        )


def _row(cell: Cell, mine: Sequence[Run]) -> list[Any]:
    done = [run for run in mine if run.done]
    others = sorted({run.status for run in mine if not run.done})
    told = [f"{sum(run.status == status for run in mine)} {status}" for status in others]
    score = _target(cell)
    reaching = [first_reaching(run.rows, score) for run in done] if score is not None else []
    reached = [row for row in reaching if row is not None]
    return [
        f"`{cell.name}`",
        f"{len(done)} of {len({*cell.seeds, *(run.seed for run in mine)})}",
        "; ".join(told) or "–",
        str(cell.budget),
        final_scores(done),
        _digits(score if score is not None else math.nan, 1),
        f"{len(reached)} of {len(done)}" if score is not None and done else "–",
        _digits(median_of([row["steps"] or math.nan for row in reached]), 0),
        _digits(median_of([row["seconds"] or math.nan for row in reached]), 1),
        _digits(median_of([rate_of(run) for run in done]), 0),
        _digits(median_of([cpu_hours(run) for run in done]), 3),
    ]


def _target(cell: Cell) -> float | None:
    """The score that is waited for: the one that ends runs, else the environment's reference."""
    if cell.budget.evaluated:
        return None  # kept rows are of training
    if cell.budget.score is not None:
        return cell.budget.score
    reference = REFERENCE_SCORES.get(cell.env)
    return reference.target if reference is not None else None


def final_scores(done: Sequence[Run]) -> str:
    """The interquartile mean of the final scores, with its interval where runs are enough for one."""
    known = [mean for run in done if (mean := run.last("return_mean")) is not None]
    if not known:
        return "–"
    found = estimate(iqm, [np.array(known)])
    value = f"{found.value:,.1f}"
    if found.runs >= FEW_RUNS:
        return f"{value} [{found.low:,.1f}, {found.high:,.1f}]"
    return f"{value} ({min(known):,.1f} to {max(known):,.1f})" if found.runs > 1 else value


def greedy_scores(done: Sequence[Run]) -> str:
    """Median, lowest and highest of the runs' greedy mean returns; how many were not played."""
    means = [float(run.greedy["mean"]) for run in done if run.greedy is not None]
    if not means:
        return "–"
    told = f"{np.median(means):,.1f} ({min(means):,.1f} to {max(means):,.1f})"
    missing = len(done) - len(means)
    return f"{told}; {missing} not played" if missing else told


def provenance(runs: Sequence[Run]) -> str:
    """Machines and commits of the kept runs, in a sentence; a + where the checkout held changes."""
    machines, commits = set(), set()
    for run in runs:
        if machine := run.about.get("machine"):
            machines.add(f"{machine['cpu']}, {machine['cores']} cores")
        git = run.about.get("git") or {}
        if git.get("commit"):
            commits.add(tables.commit(git))
    told = f"Machine: {'; '.join(sorted(machines)) or '–'}. Commits: {', '.join(sorted(commits)) or '–'}."
    legend = any(commit.endswith("+") for commit in commits)
    return f"{told} A commit with + had uncommitted changes." if legend else told


def _early_signal(run: Run) -> float:
    """Of the gradients in the first fifth of the budget: later, good policies have hardly any."""
    parts = parts_of(run, 5)
    return signal_of(parts[min(parts)]) if parts else math.nan


def _short(value: float) -> str:
    """Three digits, whatever the size."""
    if math.isnan(value):
        return "–"
    return f"{float(f'{value:.3g}'):,.{0 if abs(value) >= 100 else 2}f}"


def _digits(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"
