"""Summaries of results: scores per environment and group, aggregates, comparisons and warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    cut_off,
    length_warnings,
    mean_warnings,
    run_warnings,
    stop_score,
)
from rllib_zoo.analysis.scoring.coverage import covered_text
from rllib_zoo.analysis.scoring.groups import by_group, sweep_of
from rllib_zoo.analysis.scoring.notices import Notice
from rllib_zoo.analysis.scoring.scores import scores_table, time_to
from rllib_zoo.analysis.scoring.verdict import Verdict
from rllib_zoo.analysis.statistics import (
    FEW_RUNS,
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

ALL = "All environments"
LEFT_OUT = "left out of the aggregate over environments"
# Of more groups only the best are compared in pairs.
MAX_COMPARED = 8
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
    _require_group(results, baseline)
    scores = scores_table(results.runs, results.curves, measure)
    environments, notices = comparable_envs(results.runs)
    cut = cut_off(results.runs, results.configs)
    scores.insert(2, "environment", environments)
    scores["cut_off"] = cut
    notices += length_warnings(results.runs.assign(environment=environments, cut_off=cut))
    notices += [*mean_warnings(results.runs), *run_warnings(results.runs)]
    thresholds = {**_stop_scores(results, scores), **(thresholds or {})}
    rows: list[dict[str, Any]] = []
    iqms, improvements, differences, verdicts = {}, {}, {}, []
    bootstrap = partial(estimate, seed=seed, resamples=resamples)
    for env, part in scores.dropna(subset=[measure]).groupby("environment", sort=True):
        samples = {group: [members[measure].to_numpy()] for group, members in by_group(part)}
        iqms[env] = {group: bootstrap(iqm, sample) for group, sample in samples.items()}
        improvements[env] = _improvements(samples, iqms[env], bootstrap)
        if baseline in samples:
            differences[env] = {
                group: bootstrap(_iqm_difference, sample, samples[baseline])
                for group, sample in samples.items()
                if group != baseline
            }
        table = []
        for group, members in by_group(part):
            row = _table_row(env, group, samples[group], iqms[env][group], members)
            threshold = thresholds.get(str(members["env"].iloc[0]))
            if threshold is not None:
                row |= _times(results, members, threshold)
            table.append(row)
            if text := caveat(len(members)):
                notices.append(Notice(_few(len(members)), f"{env}, {group}: {text}"))
        rows += table
        times = pd.DataFrame(table) if part["cut_off"].any() else None
        verdicts.append(Verdict.of(env, iqms[env], improvements[env], times))
    alike = scores[(results.runs["variant"] == "").to_numpy()]
    aggregate, total, left_out = overall(alike, seed=seed, resamples=resamples)
    return Summary(
        scores=scores,
        table=pd.DataFrame(rows),
        iqms=iqms,
        improvements=improvements,
        verdicts=[*([total] if total else []), *verdicts],
        notices=notices + left_out,
        measure=measure,
        thresholds=thresholds,
        overall=aggregate,
        overall_iqms=total.estimates if total else {},
        differences=differences,
        sweeps=_sweeps(results, scores),
    )


def _few(runs: int) -> str:
    """The kind of a notice on so few runs."""
    return "groups of a single run" if runs == 1 else f"groups of fewer than {FEW_RUNS} runs"


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


def _improvements(
    samples: Mapping[str, Scores],
    iqms: Mapping[str, Estimate],
    bootstrap: Callable[..., Estimate],
) -> dict[tuple[str, str], Estimate]:
    """Probability of improvement of every pair of the best groups with more than one run each."""
    several = [group for group, sample in samples.items() if len(sample[0]) > 1]
    best = sorted(several, key=lambda group: -iqms[group].value)[:MAX_COMPARED]
    return {
        (first, second): bootstrap(probability_of_improvement, samples[first], samples[second])
        for first, second in combinations([group for group in several if group in best], 2)
    }


def overall(
    scores: pd.DataFrame, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, Verdict | None, list[Notice]]:
    """Measures over environments, which weigh alike, of the groups that were run on all of them.

    Args:
        scores: of ``scores_table``, with ``environment`` and ``cut_off``; those without a normalised score
            are left out, and so are environments played in several variants or where a stop rule cut
            scores off.
        seed: of the bootstrap, stratified by environment.
        resamples: of the bootstrap.

    Returns:
        a row per group, none with fewer than two environments; who scores highest; warnings.
    """
    scores = scores.dropna(subset=["normalised"])
    if scores["environment"].nunique() < 2:
        return pd.DataFrame(), None, []
    scores, notices = _aggregable(scores)
    environments = set(scores["environment"])
    samples: dict[str, Scores] = {}
    for group, members in by_group(scores) if len(environments) > 1 else ():
        if missing := sorted(environments - set(members["environment"])):
            text = f"{group} was not run on {', '.join(missing)}: left out of the aggregate over environments"
            notices.append(Notice(LEFT_OUT, text))
            continue
        sample = [part.to_numpy() for _, part in members.groupby("environment")["normalised"]]
        samples[group] = sample
        if text := caveat(smallest := min(map(len, sample))):
            notices.append(Notice(_few(smallest), f"all environments, {group}: {text}"))
    if not samples:
        return pd.DataFrame(), None, notices
    bootstrap = partial(estimate, seed=seed, resamples=resamples)
    estimates = {
        group: {name: bootstrap(measure, sample) for name, measure in MEASURES.items()}
        for group, sample in samples.items()
    }
    rows = [_overall_row(group, samples[group], values) for group, values in estimates.items()]
    iqms = {group: values["iqm"] for group, values in estimates.items()}
    several = {group: sample for group, sample in samples.items() if iqms[group].runs > 1}
    improvements = _improvements(several, iqms, bootstrap)
    return pd.DataFrame(rows), Verdict.of(ALL, iqms, improvements), notices


def _aggregable(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[Notice]]:
    """The scores that may be averaged over environments, and a notice for every environment left out."""
    variants = scores.groupby("env")["environment"].nunique()
    reasons = dict.fromkeys(variants[variants > 1].index, "was run in several variants")
    for env in sorted(set(scores["env"][scores["cut_off"]]) - set(reasons)):
        reasons[env] = "runs stop when they reach a score, so scores only show where they stopped"
    notices = [Notice(LEFT_OUT, f"{env}: {why}: left out of the aggregate over environments")
               for env, why in reasons.items()]  # fmt: skip
    return scores[~scores["env"].isin(reasons)], notices


def _overall_row(group: str, sample: Scores, values: Mapping[str, Estimate]) -> dict[str, Any]:
    """A row of the table over environments: every measure with its interval."""
    row: dict[str, Any] = {
        "group": group,
        "environments": len(sample),
        "runs": sum(map(len, sample)),
    }
    row["covers"] = covered_text(min(map(len, sample)))
    for name, value in values.items():
        row |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
    return row


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
