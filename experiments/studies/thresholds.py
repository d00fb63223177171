"""The thresholds of a study against the kept results: met, missed, or not measured."""

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
    """A threshold and what was measured.

    Attributes:
        threshold: of the study.
        required: as text; likewise ``measured``.
        outcome: met, missed, or missing where too few runs are done.
    """

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
    """That enough seeds pass, and none fails; runs that are not done count as neither."""
    passes = PER_SEED[threshold.measure]
    states = {run.seed: _state(threshold, run) for run in runs}
    done = [run for run in runs if states[run.seed] == DONE]
    passing = sum(passes(run, threshold.at_least) for run in done)
    texts = {
        "final": f"final score ≥ {threshold.at_least:g}",
        "greedy": f"greedy return ≥ {threshold.at_least:g} over {runs[0].cell.greedy_episodes} episodes",
        "reached": f"{threshold.at_least:g} reached within {runs[0].cell.budget.steps:,} steps",
    }
    required = f"{texts[threshold.measure]} with {threshold.seeds} seeds"
    measured = f"{passing} of {len(done)} done"
    if not_done := [f"{seed} ({state})" for seed, state in states.items() if state != DONE]:
        measured += f"; seeds {', '.join(not_done)}"
    # Further seeds do not make up for one that failed.
    if passing < len(done):
        return Verdict(threshold, required, measured, MISSED)
    outcome = MET if passing >= threshold.seeds else UNMEASURED
    return Verdict(threshold, required, measured, outcome)


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
    cell = runs[0].cell
    single_runner = _with_rate(
        [
            r
            for r in done
            if r.cell.value == 1 and (r.cell.line, r.cell.env) == (cell.line, cell.env)
        ]
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
