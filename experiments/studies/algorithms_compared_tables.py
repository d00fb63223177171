"""The tables below the study `algorithms_compared`: CartPole by config file, games by run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.catalog import STUDIES
from rllib_zoo.experiments.studies.catalog.algorithms_compared import SOLVED
from rllib_zoo.experiments.studies.measures import first_reaching, median_of, solving_row
from rllib_zoo.experiments.studies.runs import Run, runs_of
from rllib_zoo.experiments.studies.tables import provenance, require_same_environments

STUDY = STUDIES["algorithms_compared"]
CARTPOLE = "CartPole-v1"


def cartpole_table(results: Path) -> str:
    """A row per tuned file: every seed of the study counted, the slowest named."""
    # Further seeds may be kept; some of them were used for tuning.
    runs = [
        run
        for run in runs_of(STUDY, results)
        if run.cell.env == CARTPOLE and run.seed in run.cell.seeds
    ]
    threshold = SOLVED[CARTPOLE]
    episodes = {run.cell.greedy_episodes for run in runs}
    head = f"greedy return ≥ {threshold:g} over {', '.join(map(str, sorted(episodes)))} episodes"
    columns = ["config", "seeds solved", f"steps to {threshold:g}: median (slowest)", "budget"]
    columns += [
        "training seconds: median",
        f"still ≥ {threshold:g} at the end",
        head,
        "lowest seed",
    ]
    rows = [
        _of_file([run for run in runs if run.cell.name == cell.name], threshold)
        for cell in STUDY.cells
        if cell.env == CARTPOLE
    ]
    return (
        tables.markdown(columns, rows)
        + f"\nSeeds {_span(runs)}, none of them used for tuning. Solved: mean return of the last 100 "
        f"training episodes ≥ {threshold:g}, in rows of {runs[0].cell.every:,} steps; seeds that are not "
        "done count as unsolved. Runs use their whole budget, so that a later fall would show. "
        f"{provenance(runs)}"
    )


def _span(runs: Sequence[Run]) -> str:
    """The seeds, short: 0-9, or 0, 2, 5."""
    seeds = sorted({run.seed for run in runs})
    consecutive = seeds == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1
    return f"{seeds[0]}-{seeds[-1]}" if consecutive else ", ".join(map(str, seeds))


def _of_file(runs: Sequence[Run], threshold: float) -> list[str]:
    """One row; a seed that is missing, or was not played greedily, counts as unsolved."""
    cell, done = runs[0].cell, [run for run in runs if run.done]
    if not done:
        return [f"`{cell.name}.yaml`", f"0 of {len(runs)}, none run", *["–"] * 6]
    solved = sum(first_reaching(run.rows, threshold) is not None for run in done)
    rows = [row for run in done if (row := solving_row(run))]
    steps, seconds = ([row[key] or 0.0 for row in rows] for key in ("steps", "seconds"))
    last = [run.last("return_mean") or 0.0 for run in done]
    text = f"{solved} of {len(runs)}"
    if len(done) < len(runs):
        text += f" ({len(runs) - len(done)} not done)"
    return [
        f"`{cell.name}.yaml`",
        text,
        f"{median_of(steps):,.0f} ({max(steps):,.0f})",
        f"{cell.budget.steps:,}",
        f"{median_of(seconds):.1f}",
        f"{sum(mean >= threshold for mean in last)} of {len(done)}",
        *_greedy_cells(done, threshold),
    ]


def _greedy_cells(done: Sequence[Run], threshold: float) -> list[str]:
    """How many seeds reached the threshold, and the lowest mean of those that were played."""
    means = {run.seed: run.greedy["mean"] for run in done if run.greedy is not None}
    text = f"{sum(mean >= threshold for mean in means.values())} of {len(done)}"
    if not_played := [str(run.seed) for run in done if run.seed not in means]:
        text += f" (not played: {', '.join(not_played)})"
    return [text, f"{min(means.values()):.1f}" if means else "–"]


def games_table(results: Path) -> str:
    """A row per run, those that are missing too.

    Raises:
        DifferentEnvironmentsError: runs of one game had different environment settings.
    """
    runs = [run for run in runs_of(STUDY, results) if run.cell.env != CARTPOLE]
    require_same_environments(STUDY, runs)
    columns = ["config", "seed", "status", "agent steps", "frames", "training minutes"]
    columns += [
        "score of the last 100 games (lowest to highest)",
        "human-normalised",
        "solved after",
    ]
    return (
        tables.markdown(columns, [_of_run(run) for run in runs])
        + "\nScores are raw and of whole games, while training with sampled actions; 4 frames a step; no "
        "sticky actions. Human-normalised: 0 is random play, 1 a professional tester. Solved: the mean "
        f"of Pong reached {SOLVED['ALE/Pong-v5']:g}. One row per {runs[0].cell.every:,} steps: "
        f"`results/{STUDY.name}/`. {provenance(runs)}"
    )


def _of_run(run: Run) -> list[str]:
    head = [f"`{run.cell.name}.yaml`", str(run.seed), run.status]
    if not run.rows or run.rows[-1]["return_mean"] is None:
        return [*head, *["–"] * 6]
    last = {key: value or 0.0 for key, value in run.rows[-1].items()}
    low, high = last["return_min"], last["return_max"]
    return [
        *head,
        f"{last['steps']:,.0f}",
        f"{last['frames']:,.0f}",
        f"{last['seconds'] / 60:.1f}",
        f"{last['return_mean']:.1f} ({low:.0f} to {high:.0f})",
        f"{REFERENCE_SCORES[run.cell.env].normalised(last['return_mean']):.2f}",
        solved_after(run, SOLVED.get(run.cell.env)),
    ]


def solved_after(run: Run, threshold: float | None) -> str:
    """Minutes and steps to the first row whose mean over 100 games reached the threshold."""
    if threshold is None:
        return "–"
    row = first_reaching(run.rows, threshold)
    if row is None:
        return "not"
    return f"{(row['seconds'] or 0) / 60:.1f} min, {row['steps']:,.0f} steps"
