"""The thresholds of a study against the kept results: met, missed, or not measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rllib_zoo.analysis.statistics import worst_quarter
from rllib_zoo.experiments.studies.catalog import Study, Threshold
from rllib_zoo.experiments.studies.measures import efficiencies, first_reaching, rate_of
from rllib_zoo.experiments.studies.runs import DONE, Run, runs_of

MET, MISSED, UNMEASURED = "met", "missed", "missing"
# Measures that are taken of every seed.
PER_SEED = ("final", "reached", "greedy")


@dataclass(frozen=True)
class Verdict:
    """What a threshold requires and what was measured, as text; the outcome: met, missed or missing."""

    threshold: Threshold
    required: str
    measured: str
    outcome: str


def verdicts(study: Study, results: Path) -> list[Verdict]:
    """Every threshold of the study against the results kept below ``results``.

    Raises:
        UnknownCellError: a threshold is of no cell of the study.
    """
    runs = runs_of(study, results)
    judged = []
    for threshold in study.thresholds:
        study.cell(threshold.cell)
        cell_runs = [run for run in runs if run.cell.name == threshold.cell]
        if threshold.measure == "efficiency":
            done = [run for run in runs if run.done]
            judged.append(_efficiency(threshold, cell_runs, done))
        elif threshold.measure == "worst_quarter":
            judged.append(_worst_quarter(threshold, cell_runs))
        else:
            judged.append(_per_seed(threshold, cell_runs))
    return judged


def lines_of(judged: Sequence[Verdict], *, met: bool = True) -> list[str]:
    """One line per verdict; without ``met`` only those that are not."""
    return [
        f"{v.outcome}: {v.threshold.cell}: {v.required}: {v.measured}"
        for v in judged
        if met or v.outcome != MET
    ]


def _passes(threshold: Threshold, run: Run) -> bool:
    if threshold.measure == "reached":
        row = first_reaching(run.rows, threshold.at_least)
        return row is not None and (row["steps"] or math.inf) <= _within(threshold, run)
    if threshold.measure == "greedy":
        return run.greedy is not None and run.greedy["mean"] >= threshold.at_least
    score = run.last("return_mean")
    return score is not None and score >= threshold.at_least


def _within(threshold: Threshold, run: Run) -> int:
    return threshold.within or run.cell.budget.steps


def _per_seed(threshold: Threshold, runs: Sequence[Run]) -> Verdict:
    """That enough seeds pass, and none (or few enough) fails; runs that are not done count as neither."""
    states = {run.seed: _state(threshold, run) for run in runs}
    done = [run for run in runs if states[run.seed] == DONE]
    passing = sum(_passes(threshold, run) for run in done)
    texts = {
        "final": f"final score ≥ {threshold.at_least:g}",
        "greedy": f"greedy return ≥ {threshold.at_least:g} over {runs[0].cell.greedy_episodes} episodes",
        "reached": f"{threshold.at_least:g} reached within {_within(threshold, runs[0]):,} steps",
    }
    of = f"of {threshold.of} " if threshold.of else ""
    required = f"{texts[threshold.measure]} with {threshold.seeds} {of}seeds"
    measured = f"{passing} of {len(done)} done"
    if not_done := [f"{seed} ({state})" for seed, state in states.items() if state != DONE]:
        measured += f"; seeds {', '.join(not_done)}"
    # Further seeds do not make up for one that failed.
    allowed = max(threshold.of - threshold.seeds, 0)
    if len(done) - passing > allowed:
        return Verdict(threshold, required, measured, MISSED)
    enough = passing >= threshold.seeds and len(done) >= threshold.of
    return Verdict(threshold, required, measured, MET if enough else UNMEASURED)


def _worst_quarter(threshold: Threshold, runs: Sequence[Run]) -> Verdict:
    """The mean of the lowest quarter of the final scores, of enough seeds."""
    required = f"worst quarter of {threshold.seeds} seeds ≥ {threshold.at_least:g}"
    scores = [s for run in runs if run.done and (s := run.last("return_mean")) is not None]
    if len(scores) < threshold.seeds:
        measured = f"{len(scores)} of {threshold.seeds} seeds measured"
        return Verdict(threshold, required, measured, UNMEASURED)
    value = float(worst_quarter([np.array(scores)]))
    outcome = MET if value >= threshold.at_least else MISSED
    return Verdict(threshold, required, f"{value:.1f}", outcome)


def _state(threshold: Threshold, run: Run) -> str:
    """A run's status; "not played" where it is done but its greedy score is missing."""
    unplayed = threshold.measure == "greedy" and run.done and run.greedy is None
    return "not played" if unplayed else run.status


def _with_rate(runs: Sequence[Run]) -> int:
    """How many runs have a rate."""
    return sum(run.done and not math.isnan(rate_of(run)) for run in runs)


def _efficiency(threshold: Threshold, runs: Sequence[Run], done: Sequence[Run]) -> Verdict:
    required = f"efficiency ≥ {threshold.at_least:g}, median of {threshold.seeds} seeds"
    value = efficiencies(done).get(threshold.cell, math.nan)
    rates = _with_rate(runs)
    # Their rate is the divisor: one lucky run of a single runner would decide the outcome.
    of_line = (1, runs[0].cell.line, runs[0].cell.env)
    single_runner = _with_rate(
        [run for run in done if (run.cell.value, run.cell.line, run.cell.env) == of_line]
    )
    if math.isnan(value) or min(rates, single_runner) < threshold.seeds:
        measured = f"{rates} of {threshold.seeds} seeds measured"
        if single_runner < threshold.seeds:
            measured += f", {single_runner} of {threshold.seeds} with one runner"
        if not math.isnan(value):
            measured += f", {value:.2f} so far"
        return Verdict(threshold, required, measured, UNMEASURED)
    outcome = MET if value >= threshold.at_least else MISSED
    return Verdict(threshold, required, f"{value:.2f}", outcome)
