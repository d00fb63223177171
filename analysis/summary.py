"""Summaries of results: scores per environment and group, aggregates, comparisons and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.names import unknown
from rllib_zoo.analysis.options import MEASURE, RESAMPLES, SEED
from rllib_zoo.analysis.results import Results
from rllib_zoo.analysis.scoring.comparability import (
    comparable_envs,
    cut_off,
    length_warnings,
    mean_warnings,
    run_warnings,
    stop_score,
)
from rllib_zoo.analysis.scoring.coverage import covered_text
from rllib_zoo.analysis.scoring.groups import by_group, sweep_of
from rllib_zoo.analysis.scoring.notices import Notice
from rllib_zoo.analysis.scoring.overall import few_runs, overall, pairwise
from rllib_zoo.analysis.scoring.rungs import Rungs, rungs_of
from rllib_zoo.analysis.scoring.scores import scores_table, time_to
from rllib_zoo.analysis.scoring.verdict import Verdict
from rllib_zoo.analysis.statistics import (
    Estimate,
    Scores,
    estimate,
    iqm,
    mean,
    median,
)


class UnknownGroupError(ValueError):
    """No run is of the requested group."""


@dataclass(frozen=True)
class Summary:
    """Everything in a report but its figures.

    An environment is an id, numbered where runs of one id have different signatures: only runs of the
    same one are compared.

    Attributes:
        scores: one row per run, see ``scores_table``, with its ``environment`` and whether it is ``cut_off``
            by a stop rule on the score.
        table: one row per environment and group, with estimates as numbers.
        iqms: environment → group → interquartile mean of the scores.
        improvements: environment → (first, second) → probability that the first is better, of the
            ``MAX_COMPARED`` best groups.
        verdicts: who scores highest: over all environments, then per environment.
        notices: warnings; nothing is left out without one.
        measure: the score of a run.
        thresholds: environment id → return to which times are measured: as given, else that of a stop rule.
        overall: one row per group over all environments, see :func:`overall`.
        overall_iqms: group → interquartile mean of normalised scores.
        differences: environment → group → interquartile mean minus that of the baseline.
        sweeps: (environment, algorithm) → group → setting → value, of algorithms with several groups.
        rungs: of experiments in which ASHA stopped trials.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    iqms: Mapping[str, Mapping[str, Estimate]]
    improvements: Mapping[str, Mapping[tuple[str, str], Estimate]]
    verdicts: Sequence[Verdict]
    notices: Sequence[Notice]
    measure: str = MEASURE
    thresholds: Mapping[str, float] = field(default_factory=dict)
    overall: pd.DataFrame = field(default_factory=pd.DataFrame)
    overall_iqms: Mapping[str, Estimate] = field(default_factory=dict)
    differences: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    sweeps: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    rungs: Sequence[Rungs] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sentences of the notices."""
        return tuple(notice.text for notice in self.notices)


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
        thresholds: environment id → raw return; the time to reach it is measured. Without one, that to the
            score at which the runs were stopped.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        baseline: group to compare the others with, for ablations.

    Raises:
        UnknownGroupError: no run is of the baseline.
    """
    require_group(results, baseline)
    scores, notices = scored(results, measure)
    thresholds = {**_stop_scores(results, scores), **(thresholds or {})}
    tables, verdicts = [], []
    iqms, improvements, differences = {}, {}, {}
    bootstrap = partial(estimate, seed=seed, resamples=resamples)
    for env, part in scores.dropna(subset=[measure]).groupby("environment", sort=True):
        samples = {group: [members[measure].to_numpy()] for group, members in by_group(part)}
        iqms[env] = {group: bootstrap(iqm, sample) for group, sample in samples.items()}
        improvements[env] = pairwise(samples, iqms[env], bootstrap)
        if baseline in samples:
            differences[env] = {
                group: bootstrap(iqm_difference, sample, samples[baseline])
                for group, sample in samples.items()
                if group != baseline
            }
        table = _table(results, env, part, samples, iqms[env], thresholds)
        verdicts.append(
            Verdict.of(env, iqms[env], improvements[env], table if part["cut_off"].any() else None)
        )
        notices += few_runs(env, {group: len(sample[0]) for group, sample in samples.items()})
        tables.append(table)
    alike = scores[(results.runs["variant"] == "").to_numpy()]
    aggregate, total, left_out = overall(alike, seed=seed, resamples=resamples)
    sweeps = _sweeps(results, scores)
    rungs, unknown_rungs = rungs_of(results, scores.set_index("run")["environment"])
    left_out += [Notice("figures left out", text) for text in unknown_rungs]
    return Summary(
        scores=scores,
        table=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(),
        iqms=iqms,
        improvements=improvements,
        verdicts=[*([total] if total else []), *verdicts],
        notices=[*notices, *left_out, *_missing_extra(sweeps)],
        measure=measure,
        thresholds=thresholds,
        overall=aggregate,
        overall_iqms=total.estimates if total else {},
        differences=differences,
        sweeps=sweeps,
        rungs=rungs,
    )


def scored(results: Results, measure: str) -> tuple[pd.DataFrame, list[Notice]]:
    """The scores of runs, with ``environment`` and ``cut_off``, and what limits their comparison."""
    scores = scores_table(results.runs, results.curves, measure)
    environments, notices = comparable_envs(results.runs)
    cut = cut_off(results.runs, results.configs)
    scores.insert(2, "environment", environments)
    scores["cut_off"] = cut
    notices += length_warnings(results.runs.assign(environment=environments, cut_off=cut))
    return scores, [*notices, *mean_warnings(results.runs), *run_warnings(results.runs)]


def _missing_extra(sweeps: Mapping[Any, Mapping[str, Mapping[str, Any]]]) -> list[Notice]:
    """A notice if a sweep of several settings misses a figure for want of packages."""
    several = any(len(next(iter(groups.values()))) > 1 for groups in sweeps.values())
    if not several or all(map(find_spec, ("optuna", "sklearn"))):
        return []
    text = (
        "the importance of settings is left out: it needs the extra 'search' (optuna, scikit-learn)"
    )
    return [Notice("figures left out", text)]


def _stop_scores(results: Results, scores: pd.DataFrame) -> dict[str, float]:
    """Environment id → the score at which runs were stopped, where all of them had the same."""
    found: dict[str, set[float | None]] = {}
    for run, env in zip(scores["run"], scores["env"], strict=True):
        found.setdefault(str(env), set()).add(stop_score(results.configs[int(run)]))
    cut = set(scores["env"][scores["cut_off"]])
    return {
        env: score
        for env, (score, *others) in found.items()
        if env in cut and not others and score is not None and not np.isnan(score)
    }


def require_group(results: Results, group: str | None) -> None:
    """Raises UnknownGroupError if no run is of the group."""
    groups = set(results.runs["group"])
    if group is not None and group not in groups:
        raise UnknownGroupError(unknown("group", group, groups))


def iqm_difference(one: Scores, other: Scores) -> np.ndarray:
    """How much the interquartile mean of the first is higher."""
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


def _table(
    results: Results,
    env: str,
    part: pd.DataFrame,
    samples: Mapping[str, Scores],
    iqms: Mapping[str, Estimate],
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """A row per group of one environment."""
    rows = []
    for group, members in by_group(part):
        row = _table_row(env, group, samples[group], iqms[group], members)
        if (threshold := thresholds.get(str(members["env"].iloc[0]))) is not None:
            row |= _times(results, members, threshold)
        rows.append(row)
    return pd.DataFrame(rows)


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
        "covers": covered_text(len(members)),
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
