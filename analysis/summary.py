"""What a set of results says: scores per group and environment, comparisons, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.load import Results
from rllib_zoo.analysis.options import MEASURE, RESAMPLES, SEED
from rllib_zoo.analysis.scoring.comparability import length_warnings, run_warnings, worlds_of
from rllib_zoo.analysis.scoring.groups import by_group, sweep_of
from rllib_zoo.analysis.scoring.scores import scores_table, time_to
from rllib_zoo.analysis.statistics import (
    Estimate,
    caveat,
    estimate,
    iqm,
    mean,
    median,
    optimality_gap,
    probability_of_improvement,
)

# Column → measure over tasks (Agarwal et al. 2021).
MEASURES = {"iqm": iqm, "median": median, "mean": mean, "gap": optimality_gap}


def overall(
    scores: pd.DataFrame, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, Mapping[str, Estimate], list[str]]:
    """Measures of every group that was run on all environments with a reference, when there are two.

    Args:
        scores: of :func:`rllib_zoo.analysis.scoring.scores.scores_table`, with ``world``.
        seed: of the bootstrap, stratified by environment.
        resamples: of the bootstrap.

    Returns:
        a row per group; group → interquartile mean; a sentence for each group that is left out.
    """
    known = scores.dropna(subset=["normalised"])
    rows: list[dict[str, Any]] = []
    iqms: dict[str, Estimate] = {}
    warnings: list[str] = []
    several = sorted(env for env, part in known.groupby("env") if part["world"].nunique() > 1)
    for env in several:
        warnings.append(f"{env} was played in several ways: it is no part of the aggregate")
    known = known[~known["env"].isin(several)]
    worlds = sorted(known["world"].unique())
    if len(worlds) < 2:
        return pd.DataFrame(rows), iqms, warnings
    for group, members in known.groupby("group", sort=True):
        missing = sorted(set(worlds) - set(members["world"]))
        if missing:
            warnings.append(
                f"{group} was not run on {', '.join(missing)}: it is left out of the aggregate "
                "over environments"
            )
            continue
        per_world = [part.to_numpy() for _, part in members.groupby("world")["normalised"]]
        found = {
            name: estimate(measure, per_world, seed=seed, resamples=resamples)
            for name, measure in MEASURES.items()
        }
        iqms[str(group)] = found["iqm"]
        numbers = {len(part) for part in per_world}
        if len(numbers) > 1:
            warnings.append(f"{group}: environments with more runs weigh more in the aggregate")
        if words := caveat(min(numbers)):
            warnings.append(f"all environments, {group}: {words}")
        rows.append(_row(str(group), per_world, found))
    return pd.DataFrame(rows), iqms, warnings


def _row(group: str, per_world: list[np.ndarray], found: Mapping[str, Estimate]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "group": group,
        "environments": len(per_world),
        "runs": sum(len(scores) for scores in per_world),
    }
    for name, one in found.items():
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return row


@dataclass(frozen=True)
class Summary:
    """Everything a report shows, before it is drawn.

    Attributes:
        scores: one row per run, see :func:`rllib_zoo.analysis.scoring.scores.scores_table`; ``world`` is
            its environment, numbered where runs of one id played it under different signatures.
        table: one row per world and group, with estimates as numbers.
        iqms: world → group → interquartile mean of the scores.
        improvements: world → (first, second) → probability that the first is better.
        warnings: sentences; nothing is dropped without one.
        measure: what runs are judged by.
        overall: one row per group over all environments, see :func:`rllib_zoo.analysis.summary.overall`.
        overall_iqms: group → interquartile mean of normalised scores.
        differences: world → group → interquartile mean less that of the baseline.
        sweeps: (world, algorithm) → group → setting → value, where an algorithm has several groups.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    iqms: Mapping[str, Mapping[str, Estimate]]
    improvements: Mapping[str, Mapping[tuple[str, str], Estimate]]
    warnings: tuple[str, ...]
    measure: str = MEASURE
    overall: pd.DataFrame = field(default_factory=pd.DataFrame)
    overall_iqms: Mapping[str, Estimate] = field(default_factory=dict)
    differences: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    sweeps: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


class UnknownGroupError(ValueError):
    """A group was named that is not among the runs."""


def summarise(
    results: Results,
    *,
    measure: str = MEASURE,
    thresholds: Mapping[str, float] | None = None,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    baseline: str | None = None,
) -> Summary:
    """Scores, estimates and comparisons of what was loaded.

    Args:
        results: of :func:`rllib_zoo.analysis.load.load`.
        measure: what runs are judged by, see ``scores.MEASURES``.
        thresholds: environment → raw return whose first reaching is timed.
        seed: of the bootstrap: the same call gives the same intervals.
        resamples: of the bootstrap.
        baseline: group the others are compared with, for ablations.

    Raises:
        UnknownGroupError: no run is of the baseline.
    """
    require_group(results, baseline)
    scores = scores_table(results.runs, results.curves, measure)
    worlds, warnings = worlds_of(results.runs)
    scores.insert(2, "world", worlds)
    warnings += [*length_warnings(results.runs, worlds), *run_warnings(results.runs)]
    rows, iqms, improvements = [], {}, {}
    less: dict[str, dict[str, Estimate]] = {}
    for world, part in scores.dropna(subset=[measure]).groupby("world", sort=True):
        groups = {group: [members[measure].to_numpy()] for group, members in by_group(part)}
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
        if baseline in groups:
            less[str(world)] = _less(groups, baseline, seed, resamples)
        for group, sample in groups.items():
            members = part[part["group"] == group]
            row = _table_row(str(world), group, sample, iqms[str(world)][group], members)
            threshold = (thresholds or {}).get(str(members["env"].iloc[0]))
            if threshold is not None:
                row |= _times(results, members, threshold)
            rows.append(row)
            if words := caveat(len(sample[0])):
                warnings.append(f"{world}, {group}: {words}")
    over_all, over_iqms, left_out = overall(scores, seed=seed, resamples=resamples)
    return Summary(
        scores,
        pd.DataFrame(rows),
        iqms,
        improvements,
        tuple(warnings + left_out),
        measure,
        over_all,
        over_iqms,
        less,
        _sweeps(results, scores),
    )


def require_group(results: Results, group: str | None) -> None:
    """Refuse a baseline that is not there.

    Raises:
        UnknownGroupError: names the groups that are.
    """
    known = sorted(set(results.runs["group"]))
    if group is not None and group not in known:
        raise UnknownGroupError(
            f"no run is of the group {group!r}; there are {', '.join(map(repr, known))}"
        )


def _less(
    groups: Mapping[str, list[np.ndarray]], baseline: str, seed: int, resamples: int
) -> dict[str, Estimate]:
    """Interquartile mean of every other group less that of the baseline."""
    return {
        group: estimate(
            lambda one, other: iqm(one) - iqm(other),
            sample,
            groups[baseline],
            seed=seed,
            resamples=resamples,
        )
        for group, sample in groups.items()
        if group != baseline
    }


def _sweeps(
    results: Results, scores: pd.DataFrame
) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Settings in which the groups of one algorithm and world differ."""
    found = {}
    firsts = scores[["run", "world", "group"]].merge(
        results.runs[["run", "algorithm"]], on="run", how="left"
    )
    for (world, algorithm), part in firsts.groupby(["world", "algorithm"], sort=True):
        runs = part.drop_duplicates("group")
        configs = {
            str(group): results.configs[int(run)]
            for group, run in zip(runs["group"], runs["run"], strict=True)
        }
        if len(configs) > 1:
            found[str(world), str(algorithm)] = sweep_of(configs)
    return found


def _table_row(
    world: str, group: str, sample: list[np.ndarray], found: Estimate, members: pd.DataFrame
) -> dict[str, Any]:
    return {
        "world": world,
        "group": group,
        "runs": len(sample[0]),
        "early": int(members["short"].sum()),
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
