"""Comparison of groups: in pairs on one environment, and over all environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from typing import Any

import pandas as pd

from rllib_zoo.analysis.scoring.coverage import covered_text
from rllib_zoo.analysis.scoring.groups import by_group
from rllib_zoo.analysis.scoring.notices import Notice
from rllib_zoo.analysis.scoring.verdict import CUT_OFF, Verdict
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


def few_runs(place: str, runs: Mapping[str, int]) -> list[Notice]:
    """A notice for every group with too few runs for its interval.

    Args:
        place: environment; ``runs``: group → fewest runs on any.
    """
    return [
        Notice(
            "groups of a single run" if number == 1 else f"groups of fewer than {FEW_RUNS} runs",
            f"{place}, {group}: {text}",
        )
        for group, number in runs.items()
        if (text := caveat(number))
    ]


def pairwise(
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
            text = f"{group} was not run on {', '.join(missing)}: {LEFT_OUT}"
            notices.append(Notice(LEFT_OUT, text))
            continue
        sample = [part.to_numpy() for _, part in members.groupby("environment")["normalised"]]
        samples[group] = sample
    if not samples:
        return pd.DataFrame(), None, notices
    notices += few_runs(ALL, {group: min(map(len, sample)) for group, sample in samples.items()})
    bootstrap = partial(estimate, seed=seed, resamples=resamples)
    estimates = {
        group: {name: bootstrap(measure, sample) for name, measure in MEASURES.items()}
        for group, sample in samples.items()
    }
    rows = [_overall_row(group, samples[group], values) for group, values in estimates.items()]
    iqms = {group: values["iqm"] for group, values in estimates.items()}
    several = {group: sample for group, sample in samples.items() if iqms[group].runs > 1}
    improvements = pairwise(several, iqms, bootstrap)
    return pd.DataFrame(rows), Verdict.of(ALL, iqms, improvements), notices


def _aggregable(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[Notice]]:
    """The scores that may be averaged over environments, and a notice for every environment left out."""
    variants = scores.groupby("env")["environment"].nunique()
    reasons = dict.fromkeys(variants[variants > 1].index, "was run in several variants")
    for env in sorted(set(scores["env"][scores["cut_off"]]) - set(reasons)):
        reasons[env] = CUT_OFF
    notices = [Notice(LEFT_OUT, f"{env}: {why}: {LEFT_OUT}")
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
