"""Summaries of results: scores per environment and group, aggregates, comparisons and warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.load import Results
from rllib_zoo.analysis.options import MEASURE, RESAMPLES, SEED
from rllib_zoo.analysis.scoring.comparability import (
    comparable_envs,
    length_warnings,
    mean_warnings,
    run_warnings,
)
from rllib_zoo.analysis.scoring.groups import by_group, sweep_of
from rllib_zoo.analysis.scoring.scores import scores_table, time_to
from rllib_zoo.analysis.statistics import (
    Estimate,
    Scores,
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


class UnknownGroupError(ValueError):
    """No run is of the requested group."""


@dataclass(frozen=True)
class Summary:
    """Everything in a report but its figures.

    An environment is an id, numbered where runs of one id have different signatures: only runs of the
    same one are compared.

    Attributes:
        scores: one row per run, see ``scores_table``, with its ``environment``.
        table: one row per environment and group, with estimates as numbers.
        iqms: environment → group → interquartile mean of the scores.
        improvements: environment → (first, second) → probability that the first is better.
        warnings: sentences; nothing is left out without one.
        measure: the score of a run.
        overall: one row per group over all environments, see :func:`overall`.
        overall_iqms: group → interquartile mean of normalised scores.
        differences: environment → group → interquartile mean minus that of the baseline.
        sweeps: (environment, algorithm) → group → setting → value, of algorithms with several groups.
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


def summarise(
    results: Results,
    *,
    measure: str = MEASURE,
    thresholds: Mapping[str, float] | None = None,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    baseline: str | None = None,
) -> Summary:
    """Scores, estimates and comparisons of results.

    Args:
        results: see ``load``.
        measure: the score of a run, a key of ``scores.MEASURES``.
        thresholds: environment → raw return; the time to reach it is measured.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        baseline: group to compare the others with, for ablations.

    Raises:
        UnknownGroupError: no run is of the baseline.
    """
    _require_group(results, baseline)
    scores = scores_table(results.runs, results.curves, measure)
    environments, warnings = comparable_envs(results.runs)
    scores.insert(2, "environment", environments)
    warnings += length_warnings(results.runs, environments)
    warnings += [*mean_warnings(results.runs), *run_warnings(results.runs)]
    rows: list[dict[str, Any]] = []
    iqms, improvements, differences = {}, {}, {}
    bootstrap = partial(estimate, seed=seed, resamples=resamples)
    for env, part in scores.dropna(subset=[measure]).groupby("environment", sort=True):
        samples = {group: [members[measure].to_numpy()] for group, members in by_group(part)}
        iqms[env] = {group: bootstrap(iqm, sample) for group, sample in samples.items()}
        improvements[env] = _improvements(samples, bootstrap)
        if baseline in samples:
            differences[env] = {
                group: bootstrap(_iqm_difference, sample, samples[baseline])
                for group, sample in samples.items()
                if group != baseline
            }
        for group, members in by_group(part):
            row = _table_row(env, group, samples[group], iqms[env][group], members)
            threshold = (thresholds or {}).get(str(members["env"].iloc[0]))
            if threshold is not None:
                row |= _times(results, members, threshold)
            rows.append(row)
            if text := caveat(len(members)):
                warnings.append(f"{env}, {group}: {text}")
    aggregate, aggregate_iqms, left_out = overall(scores, seed=seed, resamples=resamples)
    return Summary(
        scores=scores,
        table=pd.DataFrame(rows),
        iqms=iqms,
        improvements=improvements,
        warnings=tuple(warnings + left_out),
        measure=measure,
        overall=aggregate,
        overall_iqms=aggregate_iqms,
        differences=differences,
        sweeps=_sweeps(results, scores),
    )


def _improvements(
    samples: Mapping[str, Scores], bootstrap: Callable[..., Estimate]
) -> dict[tuple[str, str], Estimate]:
    """Probability of improvement of every pair of groups with more than one run each."""
    several = [group for group, sample in samples.items() if len(sample[0]) > 1]
    return {
        (first, second): bootstrap(probability_of_improvement, samples[first], samples[second])
        for first, second in combinations(several, 2)
    }


def overall(
    scores: pd.DataFrame, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, Mapping[str, Estimate], list[str]]:
    """Measures over environments, of the groups that were run on all of them.

    Args:
        scores: of ``scores_table``, with ``environment``; those without a normalised score are left out.
        seed: of the bootstrap, stratified by environment.
        resamples: of the bootstrap.

    Returns:
        a row per group, none with fewer than two environments; group → interquartile mean; warnings.
    """
    scores = scores.dropna(subset=["normalised"])
    rows: list[dict[str, Any]] = []
    iqms: dict[str, Estimate] = {}
    variants = scores.groupby("env")["environment"].nunique()
    several = sorted(variants[variants > 1].index)
    warnings = [f"{env} was run in several variants: left out of the aggregate" for env in several]
    scores = scores[~scores["env"].isin(several)]
    environments = set(scores["environment"])
    if len(environments) < 2:
        return pd.DataFrame(rows), iqms, warnings
    for group, members in scores.groupby("group", sort=True):
        missing = sorted(environments - set(members["environment"]))
        if missing:
            warnings.append(
                f"{group} was not run on {', '.join(missing)}: left out of the aggregate over environments"
            )
            continue
        sample = [part.to_numpy() for _, part in members.groupby("environment")["normalised"]]
        row = {"group": group, "environments": len(sample), "runs": len(members)}
        for name, measure in MEASURES.items():
            value = estimate(measure, sample, seed=seed, resamples=resamples)
            row |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
            if name == "iqm":
                iqms[str(group)] = value
        rows.append(row)
        sizes = {len(part) for part in sample}
        if len(sizes) > 1:
            warnings.append(f"{group}: environments with more runs weigh more in the aggregate")
        if text := caveat(min(sizes)):
            warnings.append(f"all environments, {group}: {text}")
    return pd.DataFrame(rows), iqms, warnings


def _require_group(results: Results, group: str | None) -> None:
    """Raises UnknownGroupError if no run is of the group."""
    groups = sorted(set(results.runs["group"]))
    if group is not None and group not in groups:
        raise UnknownGroupError(
            f"no run is of the group {group!r}; choose from {', '.join(map(repr, groups))}"
        )


def _iqm_difference(one: Scores, other: Scores) -> np.ndarray:
    return iqm(one) - iqm(other)


def _sweeps(
    results: Results, scores: pd.DataFrame
) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """The settings on which the groups of one environment and algorithm differ."""
    sweeps = {}
    runs = scores.merge(results.runs[["run", "algorithm"]], on="run", how="left")
    for key, part in runs.groupby(["environment", "algorithm"], sort=True):
        firsts = part.drop_duplicates("group")
        configs = {
            str(group): results.configs[int(run)]
            for group, run in zip(firsts["group"], firsts["run"], strict=True)
        }
        if len(configs) > 1:
            sweeps[key] = sweep_of(configs)
    return sweeps


def _table_row(
    env: str, group: str, sample: Scores, value: Estimate, members: pd.DataFrame
) -> dict[str, Any]:
    return {
        "environment": env,
        "group": group,
        "runs": len(members),
        "early": int(members["short"].sum()),
        "window": float(members["window"].min(skipna=False)),
        "iqm": value.value,
        "iqm_low": value.low,
        "iqm_high": value.high,
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
    """Medians of the steps and seconds to a threshold; runs that never reached it count as infinite."""
    curves = [results.curves[results.curves["run"] == run] for run in members["run"]]
    times = {
        axis: np.array([time_to(curve, threshold, axis) for curve in curves])
        for axis in ("steps", "seconds")
    }
    medians = {
        f"{axis}_to": float(np.median(np.nan_to_num(values, nan=np.inf)))
        for axis, values in times.items()
    }
    return {
        "threshold": threshold,
        "reached": int((~np.isnan(times["steps"])).sum()),
        **medians,
    }
