"""Whether runs that were made again are as good as the first, by how far seeds differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rllib_zoo.analysis.compare.bitwise import Check, configuration_of
from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.curve_csv import read_committed
from rllib_zoo.analysis.files.result_json import read_curve
from rllib_zoo.analysis.files.trials import RESULT, TrialFolder
from rllib_zoo.analysis.options import RESAMPLES, SEED
from rllib_zoo.analysis.statistics import LEVEL, percentiles

# With fewer seeds nothing can be said of their spread.
ENOUGH_SEEDS = 3


def by_spread(originals: Sequence[TrialFolder], again: Sequence[TrialFolder]) -> Check:
    """Judge runs of one configuration by how far seeds differ.

    With three or more originals: whether the mean of the new runs is in the 95 % interval that
    bootstrap predicts for the mean of so many further runs. Runs that end on a score are judged by the steps
    they took, others by their final score. With fewer: whether the final score is between the
    lowest and the highest of the original's last episodes, which is a weak test.

    Args:
        originals: every seed there is of the configuration; again: the runs that repeat some.
    """
    first, second = [_end_of(t) for t in originals], [_end_of(t) for t in again]
    first = [end for end in first if not math.isnan(end["return_mean"])]
    if not first or not second or any(math.isnan(end["return_mean"]) for end in second):
        return Check(False, "no episode has ended in one of the runs: nothing to judge by")
    if len(first) < ENOUGH_SEEDS:
        return _by_episodes(first, second)
    on_score = all(trial.may_end_on_a_score for trial in originals)
    column, words = ("steps", "steps to the end") if on_score else ("return_mean", "final score")
    scores, new = (np.array([end[column] for end in ends]) for ends in (first, second))
    low, high = predicted(scores, len(new))
    mean = float(new.mean())
    return Check(
        bool(low <= mean <= high),
        f"{words}: mean {mean:,.6g} of {_runs(len(new))}, {low:,.6g} to {high:,.6g} expected from the mean "
        f"{scores.mean():,.6g} of {_runs(len(scores))} (95 % bootstrap interval of a new mean)",
    )


def predicted(scores_R: np.ndarray, number: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Where the mean of ``number`` further runs falls with 95 %, by bootstrap.

    Both the mean of the known runs and that of the new ones vary: each is drawn anew. Draws from R
    runs vary too little by (R - 1)/R, which is made good.
    """
    generator, size = np.random.default_rng(SEED), len(scores_R)
    known_B = scores_R[generator.integers(size, size=(resamples, size))].mean(axis=1)
    new_B = scores_R[generator.integers(size, size=(resamples, number))].mean(axis=1)
    spread_B = (new_B - known_B) * math.sqrt(size / (size - 1))
    low, high = percentiles(scores_R.mean() + spread_B, LEVEL)
    return float(low), float(high)


def groups(trials: Sequence[TrialFolder]) -> dict[str, list[TrialFolder]]:
    """Trials of one configuration together, whatever their seeds."""
    found: dict[str, list[TrialFolder]] = {}
    for trial in trials:
        found.setdefault(configuration_of(trial), []).append(trial)
    return found


def _by_episodes(first: list[dict[str, float]], second: list[dict[str, float]]) -> Check:
    low = min(end["return_min"] for end in first)
    high = max(end["return_max"] for end in first)
    scores = [end["return_mean"] for end in second]
    told = ", ".join(f"{score:,.6g}" for score in scores)
    return Check(
        all(low <= score <= high for score in scores),
        f"final score {told}, {low:,.6g} to {high:,.6g} were the last {first[0]['window']:.0f} episodes of "
        f"the original ({_runs(len(first))}: too few for an interval, a weak test)",
    )


def _end_of(trial: TrialFolder) -> dict[str, float]:
    """The last known number of every column; NaN where there is none."""
    if trial.path.suffix == ".csv":
        values_TC, _ = read_committed(trial.path)
    else:
        file = trial.path / RESULT
        values_TC = read_curve(file).values_TC if file.exists() else np.empty((0, len(COLUMNS)))
    found = {}
    for column, values_T in zip(COLUMNS, values_TC.T, strict=True):
        known = values_T[~np.isnan(values_T)]
        found[column] = float(known[-1]) if len(known) else math.nan
    return found


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
