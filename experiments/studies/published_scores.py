"""A study's scores beside published ones: normalised per environment, averaged, ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata, spearmanr

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.catalog import Study
from rllib_zoo.experiments.studies.measures import median_of, rate_of
from rllib_zoo.experiments.studies.runs import MISSING, Run, runs_of

# Label → environment → normalised score of every run that is done.
Scores = Mapping[str, Mapping[str, Sequence[float]]]


def normalised_scores(study: Study, runs: Sequence[Run]) -> Scores:
    """Final scores, 0 for random actions and 1 for the environment's best run.

    Source: Schulman et al. 2017, section 6.1: the mean return of the last 100 episodes, "shifted and
    scaled … so that the random policy gave a score of 0 and the best result was set to 1".
    """
    scores: dict[str, dict[str, list[float]]] = {label: {} for label in study.published or {}}
    for env in study.envs:
        done = [run for run in runs if run.done and run.cell.env == env]
        finals = [(run.cell.line, run.last("return_mean")) for run in done]
        raw = [(label, score) for label, score in finals if score is not None]
        if not raw:
            continue
        random, best = REFERENCE_SCORES[env].random, max(score for _, score in raw)
        for label, score in raw:
            # No run was better than random actions: the scale is undefined.
            value = (score - random) / (best - random) if best > random else math.nan
            scores[label].setdefault(env, []).append(value)
    return scores


def compared_envs(study: Study, scores: Scores) -> list[str]:
    """The environments that every label has a score on: averages are over these."""
    return [
        env
        for env in study.envs
        if all(by_env.get(env) and not np.isnan(by_env[env]).any() for by_env in scores.values())
    ]


def averages(scores: Scores, envs: Sequence[str]) -> dict[str, float]:
    """Label → mean over environments of the mean over runs; NaN without environments."""
    return {
        label: float(np.mean([np.mean(by_env[env]) for env in envs])) if envs else math.nan
        for label, by_env in scores.items()
    }


def published_table(study: Study, results: Path) -> str:
    """Scores per label and environment, their average and rank, and the published ones.

    "" for a study without published scores.
    """
    if study.published is None:
        return ""
    runs = runs_of(study, results)
    scores = normalised_scores(study, runs)
    envs = compared_envs(study, scores)
    ours = averages(scores, envs)
    ranks, theirs = _ranks(ours), _ranks(study.published)
    columns = ["objective", "runs done", "other status", *map(_short, study.envs)]
    columns += ["ours", "rank", "published", "rank"]
    rows = []
    for label, published in study.published.items():
        of_label = [run for run in runs if run.cell.line == label]
        done = sum(run.done for run in of_label)
        row = [f"`{label}`", f"{done} of {len(of_label)}", _others(of_label)]
        row += [_score(scores[label].get(env, ())) for env in study.envs]
        row += [
            _score([ours[label]]),
            _rank(ranks[label]),
            f"{published:.2f}",
            _rank(theirs[label]),
        ]
        rows.append(row)
    return tables.markdown(columns, rows) + "\n" + _summary(study, runs, envs, ours) + "\n"


def _summary(
    study: Study, runs: Sequence[Run], envs: Sequence[str], ours: Mapping[str, float]
) -> str:
    """Which environments are averaged, how well the ranks agree, and the cost, in sentences."""
    done = [run for run in runs if run.done]
    sentences = [f"Averages are over {', '.join(map(_short, envs))}, of which every row has a run."]
    if not envs:
        sentences = ["No environment has a run of every row yet: nothing is averaged."]
    elif len(set(ours.values())) > 1:  # else the correlation is undefined
        published = [study.published[label] for label in ours] if study.published else []
        agree = float(spearmanr(list(ours.values()), published).statistic)
        sentences.append(f"Spearman's rank correlation with the published scores: {agree:.2f}.")
    steps = sum(run.last("steps") or 0 for run in done)
    hours = sum(run.last("seconds") or 0 for run in done) / 3600
    budget = sum(run.cell.budget.steps for run in runs)
    spent = f"{steps:,.0f} of {budget:,} steps"
    if done:
        rate = median_of([rate_of(run) for run in done])
        spent += f", {hours:.1f} hours of training"
        spent += "" if math.isnan(rate) else f", {rate:,.0f} steps/s (median)"
    return " ".join([*sentences, f"{len(done)} of {len(runs)} runs are done: {spent}."])


def _short(env: str) -> str:
    return env.rpartition("-v")[0] or env


def _others(runs: Sequence[Run]) -> str:
    """How many runs have which other status than done; those that are not run come last."""
    others = sorted({run.status for run in runs if not run.done}, key=lambda name: name == MISSING)
    return "; ".join(f"{sum(run.status == name for run in runs)} {name}" for name in others) or "–"


def _score(values: Sequence[float]) -> str:
    numbers = [value for value in values if not math.isnan(value)]
    return f"{np.mean(numbers):.2f}" if numbers else "–"


def _ranks(scores: Mapping[str, float]) -> dict[str, float]:
    """1 is the best; equal scores share a rank; NaN if a score is unknown."""
    values = list(scores.values())
    if any(map(math.isnan, values)):
        return dict.fromkeys(scores, math.nan)
    return dict(zip(scores, rankdata([-value for value in values]).tolist(), strict=True))


def _rank(rank: float) -> str:
    return "–" if math.isnan(rank) else f"{rank:g}"
