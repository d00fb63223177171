"""What a set of results says: scores per group and environment, comparisons, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.load import Results
from analysis.scores import scores_table, time_to
from analysis.signatures import differences
from analysis.statistics import (
    Estimate,
    caveat,
    estimate,
    iqm,
    mean,
    median,
    probability_of_improvement,
)

MEASURE = "final"


@dataclass(frozen=True)
class Summary:
    """Everything a report shows, before it is drawn.

    Attributes:
        scores: one row per run, see :func:`analysis.scores.scores_table`; ``world`` is its environment,
            numbered where runs of one id played it under different signatures.
        table: one row per world and group, with estimates as numbers.
        iqms: world → group → interquartile mean of the final scores.
        improvements: world → (first, second) → probability that the first is better.
        warnings: sentences; nothing is dropped without one.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    iqms: Mapping[str, Mapping[str, Estimate]]
    improvements: Mapping[str, Mapping[tuple[str, str], Estimate]]
    warnings: tuple[str, ...]


def summarise(
    results: Results,
    *,
    measure: str = MEASURE,
    thresholds: Mapping[str, float] | None = None,
    seed: int = 0,
    resamples: int = 10_000,
) -> Summary:
    """Scores, estimates and comparisons of what was loaded.

    Args:
        results: of :func:`analysis.load.load`.
        measure: what runs are judged by, see ``scores.MEASURES``.
        thresholds: environment → raw return whose first reaching is timed.
        seed: of the bootstrap: the same call gives the same intervals.
        resamples: of the bootstrap.
    """
    scores = scores_table(results.runs, results.curves)
    worlds, warnings = worlds_of(results.runs)
    scores.insert(2, "world", worlds)
    warnings += _run_warnings(results.runs)
    rows, iqms, improvements = [], {}, {}
    for world, part in scores.dropna(subset=[measure]).groupby("world", sort=True):
        groups = {
            str(group): [members[measure].to_numpy()]
            for group, members in part.groupby("group", sort=True)
        }
        iqms[str(world)] = {
            group: estimate(iqm, sample, seed=seed, resamples=resamples)
            for group, sample in groups.items()
        }
        improvements[str(world)] = {
            (first, second): estimate(
                probability_of_improvement,
                groups[first],
                groups[second],
                seed=seed,
                resamples=resamples,
            )
            for first, second in combinations(groups, 2)
            # One run against one says nothing about the next.
            if min(len(groups[first][0]), len(groups[second][0])) > 1
        }
        for group, sample in groups.items():
            members = part[part["group"] == group]
            row = _table_row(str(world), group, sample, iqms[str(world)][group], members)
            threshold = (thresholds or {}).get(str(members["env"].iloc[0]))
            if threshold is not None:
                row |= _times(results, members, threshold)
            rows.append(row)
            if words := caveat(len(sample[0])):
                warnings.append(f"{world}, {group}: {words}")
    return Summary(scores, pd.DataFrame(rows), iqms, improvements, tuple(warnings))


def _table_row(
    world: str, group: str, sample: list[np.ndarray], found: Estimate, members: pd.DataFrame
) -> dict[str, Any]:
    return {
        "world": world,
        "group": group,
        "runs": len(sample[0]),
        "iqm": found.value,
        "iqm_low": found.low,
        "iqm_high": found.high,
        "mean": float(mean(sample)),
        "median": float(median(sample)),
        "lowest": float(sample[0].min()),
        "highest": float(sample[0].max()),
        "average": float(members["average"].mean()),
        "normalised": float(members["normalised"].mean()),
        "steps": float(members["steps"].min()),
        "seconds": float(members["seconds"].median()),
    }


def _times(results: Results, members: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """When the runs of a group reached a threshold: median over all, those that never did last."""
    steps, seconds = [], []
    for run in members["run"]:
        curve = results.curves[results.curves["run"] == run]
        steps.append(time_to(curve, threshold, "steps"))
        seconds.append(time_to(curve, threshold, "seconds"))
    reached = np.array([not np.isnan(value) for value in steps])
    middle = [float(np.median(np.nan_to_num(values, nan=np.inf))) for values in (steps, seconds)]
    return {
        "threshold": threshold,
        "reached": int(reached.sum()),
        "steps_to": middle[0],
        "seconds_to": middle[1],
    }


def worlds_of(runs: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What may be compared: environment ids, numbered where one id was played in different ways.

    Returns:
        the world of every run, and a warning for every id that is several worlds.
    """
    worlds, warnings = list(runs["env"]), []
    for env, members in runs.groupby("env", sort=True):
        known = {
            run: sig for run, sig in zip(members["run"], members["signature"], strict=True) if sig
        }
        kinds: list[dict[str, Any]] = []
        for signature in known.values():
            if signature not in kinds:
                kinds.append(signature)
        if len(kinds) < 2:
            continue
        told = ", ".join(differences({str(i): kind for i, kind in enumerate(kinds)}))
        warnings.append(
            f"{env} was played in {len(kinds)} ways, which are not compared; they differ in {told}"
        )
        for run, signature in known.items():
            worlds[run] = f"{env} #{kinds.index(signature) + 1}"
    return worlds, warnings


def _run_warnings(runs: pd.DataFrame) -> list[str]:
    """A sentence for every run that is not simply done."""
    found = []
    for run in runs.to_dict("records"):
        words = [run["message"]] if run["message"] else []
        if run["status"] != "done":
            words.insert(0, f"status {run['status']}")
        if words:
            found.append(
                f"run {run['run']} ({run['group']}, seed {run['seed']}): {'; '.join(words)}"
            )
    return found
