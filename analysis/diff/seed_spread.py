"""Comparing the scores of reproduced runs with the originals, by the spread of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rllib_zoo.analysis.diff.bitwise import Check, configuration_of
from rllib_zoo.analysis.files.record import Trial
from rllib_zoo.analysis.files.trials import may_end_on_a_score
from rllib_zoo.analysis.options import RESAMPLES, SEED
from rllib_zoo.analysis.readers.registry import read_run
from rllib_zoo.analysis.statistics import LEVEL, percentiles

# Fewer seeds give no estimate of the spread.
ENOUGH_SEEDS = 3


def by_spread(originals: Sequence[Trial], again: Sequence[Trial]) -> Check:
    """Compare runs of one configuration with further runs of it.

    With three or more originals: whether the mean of the new runs lies in the 95 % bootstrap interval
    predicted for the mean of so many further runs, of the steps taken for runs that end on a score and
    of the final score for others. With fewer: whether the final score lies between the lowest and the
    highest return of the original's last episodes, a weak test.

    Args:
        originals: all seeds of the configuration; again: the runs that repeat some of them.
    """
    first, second = ([read_run(t)[1].last() for t in trials] for trials in (originals, again))
    first = [end for end in first if not math.isnan(end["return_mean"])]
    if not first or not second or any(math.isnan(end["return_mean"]) for end in second):
        return Check(False, "no episode has ended in one of the runs: nothing to compare")
    if len(first) < ENOUGH_SEEDS:
        return _by_episodes(first, second)
    on_score = all(may_end_on_a_score(trial) for trial in originals)
    column, name = ("steps", "steps to the end") if on_score else ("return_mean", "final score")
    scores, new = (np.array([end[column] for end in ends]) for ends in (first, second))
    low, high = predicted(scores, len(new))
    mean = float(new.mean())
    return Check(
        bool(low <= mean <= high),
        f"{name}: mean {mean:,.6g} of {_runs(len(new))}, {low:,.6g} to {high:,.6g} expected from the mean "
        f"{scores.mean():,.6g} of {_runs(len(scores))} (95 % bootstrap interval of a new mean)",
    )


def predicted(scores_R: np.ndarray, number: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % bootstrap prediction interval for the mean of ``number`` further runs.

    Both the mean of the R original runs and that of the new ones are resampled. The variance of such draws
    is too small by the factor (R - 1) / R, which is corrected.
    """
    generator, size = np.random.default_rng(SEED), len(scores_R)
    original_B = scores_R[generator.integers(size, size=(resamples, size))].mean(axis=1)
    new_B = scores_R[generator.integers(size, size=(resamples, number))].mean(axis=1)
    spread_B = (new_B - original_B) * math.sqrt(size / (size - 1))
    low, high = percentiles(scores_R.mean() + spread_B, LEVEL)
    return float(low), float(high)


def groups(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Configuration → its trials, all seeds together."""
    members: dict[str, list[Trial]] = {}
    for trial in trials:
        members.setdefault(configuration_of(trial), []).append(trial)
    return members


def _by_episodes(first: list[dict[str, float]], second: list[dict[str, float]]) -> Check:
    low = min(end["return_min"] for end in first)
    high = max(end["return_max"] for end in first)
    scores = [end["return_mean"] for end in second]
    listed = ", ".join(f"{score:,.6g}" for score in scores)
    return Check(
        all(low <= score <= high for score in scores),
        f"final score {listed}, {low:,.6g} to {high:,.6g} were the last {first[0]['window']:.0f} episodes of "
        f"the original ({_runs(len(first))}: too few for an interval, a weak test)",
    )


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
