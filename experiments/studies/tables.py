"""The tables of studies as Markdown: every requested run is in them, with its status."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.comparability import require_same_environment
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.statistics import FEW_RUNS, estimate, iqm
from rllib_zoo.experiments.studies import measures
from rllib_zoo.experiments.studies.catalog import Cell, Study
from rllib_zoo.experiments.studies.runs import MISSING, Run, runs_of

COLUMNS = (
    "cell", "runs done", "other status", "budget", "final score: IQM [95 %]", "target", "reached by",
    "steps to target", "seconds to target", "steps/s", "CPU-hours",
)  # fmt: skip


def study_table(study: Study, results: Path) -> str:
    """A row per cell: its status, scores with an interval where seeds are enough, and costs.

    In a study with published scores, whose table counts all runs, cells without a run are one sentence.

    Raises:
        DifferentEnvironmentsError: runs of one environment had different environment settings.
    """
    runs = runs_of(study, results)
    require_same_environments(study, runs)
    extras = _extra_columns(study, runs)
    rows, not_run = [], 0
    for cell in study.cells:
        cell_runs = [run for run in runs if run.cell.name == cell.name]
        if study.published is not None and all(run.status == MISSING for run in cell_runs):
            not_run += 1
            continue
        done = [run for run in cell_runs if run.done]
        values = [value_of(cell, done) for value_of in extras.values()]
        rows.append([*_row(cell, cell_runs), *values])
    table = tables.markdown([*COLUMNS, *extras], rows)
    return f"{table}\nNot run: {not_run} of {len(study.cells)} cells.\n" if not_run else table


def _extra_columns(
    study: Study, runs: Sequence[Run]
) -> dict[str, Callable[[Cell, list[Run]], str]]:
    """Heading → value of a cell, from its runs that are done."""
    columns: dict[str, Callable[[Cell, list[Run]], str]] = {}
    if numbers := sorted({cell.greedy_episodes for cell in study.cells} - {0}):
        episodes = " or ".join(map(str, numbers))
        heading = f"greedy return over {episodes} episodes: median (lowest to highest seed)"
        columns[heading] = lambda _, done: greedy_scores(done)
    if "efficiency" in study.figures:
        scaling = measures.efficiencies([run for run in runs if run.done])
        columns["efficiency"] = lambda cell, _: _digits(scaling.get(cell.name, math.nan), 2)
        columns["staleness"] = lambda _, done: _digits(
            measures.median_of(map(measures.staleness_of, done)), 2
        )
    if "gradient_variance" in study.figures:
        columns["first gradient: variance"] = lambda _, done: _three_digits(
            measures.median_of(measures.variance_of(run.rows[:1]) for run in done)
        )
        heading = f"signal to noise of {measures.SIGNAL_STEPS:,} steps, first fifth"
        columns[heading] = lambda _, done: _digits(measures.median_of(map(_early_signal, done)), 2)
    return columns


def require_same_environments(study: Study, runs: Sequence[Run]) -> None:
    """Refuse to compare runs of one environment that had different environment settings.

    Raises:
        DifferentEnvironmentsError: names the runs and the key.
    """
    for env in study.envs:
        signatures = {
            f"{run.cell.name} seed {run.seed}": run.about.get("environment_signature") or {}
            for run in runs
            if run.cell.env == env and run.about
        }
        require_same_environment(signatures)


def _row(cell: Cell, runs: Sequence[Run]) -> list[Any]:
    done = [run for run in runs if run.done]
    others = Counter(run.status for run in runs if not run.done)
    score = _target(cell)
    reaching = (
        [measures.first_reaching(run.rows, score) for run in done] if score is not None else []
    )
    reached = [row for row in reaching if row is not None]
    return [
        f"`{cell.name}`",
        f"{len(done)} of {len({*cell.seeds, *(run.seed for run in runs)})}",
        "; ".join(f"{count} {status}" for status, count in sorted(others.items())) or "–",
        str(cell.budget),
        final_scores(done),
        _digits(score if score is not None else math.nan, 1),
        f"{len(reached)} of {len(done)}" if score is not None and done else "–",
        _digits(measures.median_of([row["steps"] or math.nan for row in reached]), 0),
        _digits(measures.median_of([row["seconds"] or math.nan for row in reached]), 1),
        _digits(measures.median_of([measures.rate_of(run) for run in done]), 0),
        _digits(measures.median_of([measures.cpu_hours(run) for run in done]), 3),
    ]


def _target(cell: Cell) -> float | None:
    """The score that counts as solved or ends runs, else the environment's reference score, else None."""
    if cell.solved is None and cell.budget.evaluated:
        return None  # kept rows are of training
    if cell.target is not None:
        return cell.target
    return REFERENCE_SCORES[cell.env].target if cell.env in REFERENCE_SCORES else None


def final_scores(done: Sequence[Run]) -> str:
    """The interquartile mean of the final scores, with its interval where runs are enough for one."""
    return with_interval([mean for run in done if (mean := run.last("return_mean")) is not None])


def with_interval(values: Sequence[float], digits: int = 1) -> str:
    """The interquartile mean with a 95 % bootstrap interval from five runs on, below that the range."""
    if not values:
        return "–"
    center = estimate(iqm, [np.array(values)])
    text = f"{center.value:,.{digits}f}"
    if center.runs >= FEW_RUNS:
        return f"{text} [{center.low:,.{digits}f}, {center.high:,.{digits}f}]"
    if center.runs == 1:
        return text
    return f"{text} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def greedy_scores(done: Sequence[Run]) -> str:
    """Median, lowest and highest of the runs' greedy mean returns; how many were not played."""
    means = [float(run.greedy["mean"]) for run in done if run.greedy is not None]
    if not means:
        return "–"
    text = f"{np.median(means):,.1f} ({min(means):,.1f} to {max(means):,.1f})"
    missing = len(done) - len(means)
    return f"{text}; {missing} not played" if missing else text


def run_cells(run: Run, at_least: float, digits: int) -> list[str]:
    """Cells of one run: status, steps, minutes, last training return, greedy return, whether it is enough.

    Args:
        run: kept or not; missing values are dashes.
        at_least: the required greedy return.
        digits: of the greedy return.
    """
    steps, seconds, sampled = (run.last(key) for key in ("steps", "seconds", "return_mean"))
    greedy, enough = "not played" if run.rows else "–", "–"
    if run.greedy is not None:
        mean, half_width = run.greedy["mean"], run.greedy["half_width"]
        greedy = f"{mean:.{digits}f} ± {half_width:.{digits}f}"
        enough = "yes" if mean >= at_least else "no"
    return [
        run.status,
        "–" if steps is None else f"{steps:,.0f}",
        "–" if seconds is None else f"{seconds / 60:.1f}",
        "–" if sampled is None else f"{sampled:.1f}",
        greedy,
        enough,
    ]


def provenance(runs: Sequence[Run]) -> str:
    """Machines and commits of the kept runs, in a sentence; a + marks uncommitted changes."""
    gits = [git for run in runs if (git := run.about.get("git") or {}).get("commit")]
    commits = sorted({tables.commit(git) for git in gits})
    text = f"{machines(runs)} Commits: {', '.join(commits) or '–'}."
    legend = any(commit.endswith("+") for commit in commits)
    return f"{text} A commit with + had uncommitted changes." if legend else text


def machines(runs: Sequence[Run]) -> str:
    """The machines of the kept runs, in a sentence."""
    recorded = [machine for run in runs if (machine := run.about.get("machine"))]
    names = sorted({f"{machine['cpu']}, {machine['cores']} cores" for machine in recorded})
    return f"Machine: {'; '.join(names) or '–'}."


def _early_signal(run: Run) -> float:
    """Of the gradients in the first fifth of the budget: later, good policies have hardly any."""
    parts = measures.parts_of(run, 5)
    return measures.signal_of(parts[min(parts)]) if parts else math.nan


def _three_digits(value: float) -> str:
    """Three significant digits."""
    if math.isnan(value):
        return "–"
    return f"{float(f'{value:.3g}'):,.{0 if abs(value) >= 100 else 2}f}"


def _digits(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"
