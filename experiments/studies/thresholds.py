"""The thresholds of a study against what is kept: met, missed, or not measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rllib_zoo.experiments.studies.catalog import Study, Threshold
from rllib_zoo.experiments.studies.measures import efficiencies, first_reaching, rate_of
from rllib_zoo.experiments.studies.runs import DONE, Run, runs_of

MET, MISSED, UNMEASURED = "met", "missed", "missing"


@dataclass(frozen=True)
class Verdict:
    """A threshold and what was found.

    Attributes:
        threshold: of the study.
        asked: in words; likewise ``found``.
        outcome: met, missed, or missing where too few runs are done to tell.
    """

    threshold: Threshold
    asked: str
    found: str
    outcome: str


def verdicts(study: Study, results: Path) -> list[Verdict]:
    """What is kept below ``results`` against every threshold of the study.

    Raises:
        UnknownCellError: a threshold is of no cell of the study.
    """
    runs = runs_of(study, results)
    found = []
    for threshold in study.thresholds:
        study.cell(threshold.cell)
        mine = [run for run in runs if run.cell.name == threshold.cell]
        if threshold.measure == "efficiency":
            found.append(_efficiency(threshold, mine, [run for run in runs if run.done]))
        else:
            found.append(_per_seed(threshold, mine))
    return found


def lines_of(found: Sequence[Verdict], *, met: bool = True) -> list[str]:
    """One line per verdict; without ``met`` only those that are not."""
    return [
        f"{v.outcome}: {v.threshold.cell}: {v.asked}: {v.found}"
        for v in found
        if met or v.outcome != MET
    ]


def _final(run: Run, at_least: float) -> bool:
    mean = run.last("return_mean")
    return mean is not None and mean >= at_least


def _reached(run: Run, at_least: float) -> bool:
    row = first_reaching(run.rows, at_least)
    return row is not None and (row["steps"] or math.inf) <= run.cell.budget.steps


def _greedy(run: Run, at_least: float) -> bool:
    return run.greedy is not None and run.greedy["mean"] >= at_least


PER_SEED: dict[str, Callable[[Run, float], bool]] = {
    "final": _final,
    "reached": _reached,
    "greedy": _greedy,
}


def _per_seed(threshold: Threshold, runs: Sequence[Run]) -> Verdict:
    """So many seeds have to show it; runs that are not done count for nothing."""
    shows = PER_SEED[threshold.measure]
    states = {run.seed: _state(threshold, run) for run in runs}
    done = [run for run in runs if states[run.seed] == DONE]
    showing = sum(shows(run, threshold.at_least) for run in done)
    words = {
        "final": f"final score ≥ {threshold.at_least:g}",
        "greedy": f"greedy return ≥ {threshold.at_least:g} over {runs[0].cell.greedy_episodes} episodes",
        "reached": f"{threshold.at_least:g} reached within {runs[0].cell.budget.steps:,} steps",
    }
    asked = f"{words[threshold.measure]} with {threshold.seeds} seeds"
    found = f"{showing} of {len(done)} done"
    if not_done := [f"{seed} ({state})" for seed, state in states.items() if state != DONE]:
        found += f"; seeds {', '.join(not_done)}"
    # Seeds that failed to show it cannot be made good by further ones.
    if showing < len(done):
        return Verdict(threshold, asked, found, MISSED)
    outcome = MET if showing >= threshold.seeds else UNMEASURED
    return Verdict(threshold, asked, found, outcome)


def _state(threshold: Threshold, run: Run) -> str:
    """A run's status; one that is done may not have been played yet."""
    unplayed = threshold.measure == "greedy" and run.done and run.greedy is None
    return "not played" if unplayed else run.status


def _measured(runs: Sequence[Run]) -> int:
    """How many runs have a rate."""
    return sum(run.done and not math.isnan(rate_of(run)) for run in runs)


def _efficiency(threshold: Threshold, mine: Sequence[Run], done: Sequence[Run]) -> Verdict:
    asked = f"efficiency ≥ {threshold.at_least:g}, median of {threshold.seeds} seeds"
    value = efficiencies(done).get(threshold.cell, math.nan)
    measured = _measured(mine)
    # One lucky run of one runner would carry the threshold.
    cell = mine[0].cell
    alone = _measured(
        [
            r
            for r in done
            if r.cell.value == 1 and (r.cell.line, r.cell.env) == (cell.line, cell.env)
        ]
    )
    if math.isnan(value) or min(measured, alone) < threshold.seeds:
        words = f"{measured} of {threshold.seeds} seeds measured"
        if alone < threshold.seeds:
            words += f", {alone} of {threshold.seeds} with one runner"
        if not math.isnan(value):
            words += f", {value:.2f} so far"
        return Verdict(threshold, asked, words, UNMEASURED)
    found = f"{value:.2f}"
    return Verdict(threshold, asked, found, MET if value >= threshold.at_least else MISSED)
