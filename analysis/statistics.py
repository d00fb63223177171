"""Step three, aggregate: statistics of scores, with bootstrap intervals.

Scores are a list of K arrays, one per task (environment), each [R_k] with one score per run; tasks may
have different numbers of runs, and weigh alike in every measure but ``worst_quarter``. Every measure works
on the last axis, so that it takes a whole batch of resamples [B, R_k] as well. Source of the measures:
Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from rllib_zoo.analysis.options import RESAMPLES, SEED
from rllib_zoo.analysis.scoring.coverage import covered_text

Scores = Sequence[np.ndarray]

# Resamples drawn at once; bounds the memory.
CHUNK = 1_000
# The same for whole curves: 100 resamples of 10 runs of 200 points are 1.6 MB, which stay in the cache.
CURVE_CHUNK = 100
# Above so many runs sorting column by column is faster.
MAX_NETWORK = 32
LEVEL = 0.95
# With fewer runs a bootstrap interval is much too narrow (Agarwal et al. 2021, figure 4).
FEW_RUNS = 5


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes:
        value: of the scores themselves.
        low: lower end of the percentile bootstrap interval; NaN where a task has one run.
        high: its upper end.
        runs: fewest runs of any task.
    """

    value: float
    low: float
    high: float
    runs: int


def mean(scores: Scores) -> np.ndarray:
    """Mean over tasks of the mean over runs."""
    return np.mean([task.mean(axis=-1) for task in scores], axis=0)


def median(scores: Scores) -> np.ndarray:
    """Median over tasks of the mean over runs; with one task the median over its runs."""
    if len(scores) == 1:
        return np.median(scores[0], axis=-1)
    return np.median([task.mean(axis=-1) for task in scores], axis=0)


def iqm(scores: Scores) -> np.ndarray:
    """Interquartile mean: the mean without the lowest and the highest quarter of all scores.

    Tasks weigh alike: where they have different numbers of runs, every run counts as often as makes these
    equal, as if it had been repeated.
    """
    values_N = np.concatenate(scores, axis=-1)
    sizes = [task.shape[-1] for task in scores]
    if len(set(sizes)) == 1:
        return _middle_half(values_N)
    common = math.lcm(*sizes)
    total, cut = common * len(sizes), common * len(sizes) // 4
    order_N = np.argsort(values_N, axis=-1)
    counts_N = np.repeat([common / size for size in sizes], sizes)[order_N]
    ends_N = np.cumsum(counts_N, axis=-1)
    inside = partial(np.clip, a_min=cut, a_max=total - cut)
    kept_N = inside(ends_N) - inside(ends_N - counts_N)
    return (np.take_along_axis(values_N, order_N, -1) * kept_N).sum(axis=-1) / (total - 2 * cut)


def _middle_half(values_N: np.ndarray) -> np.ndarray:
    """Mean along the last axis without the lowest and the highest quarter; scipy's ``trim_mean``, faster."""
    number = values_N.shape[-1]
    return np.sort(values_N, axis=-1)[..., number // 4 : number - number // 4].mean(axis=-1)


def worst_quarter(scores: Scores) -> np.ndarray:
    """Mean of the lowest quarter of all scores, of at least one; a few failing runs cannot hide in it."""
    ascending = np.sort(np.concatenate(scores, axis=-1), axis=-1)
    return ascending[..., : max(ascending.shape[-1] // 4, 1)].mean(axis=-1)


def optimality_gap(scores: Scores, target: float = 1.0) -> np.ndarray:
    """How far scores fall short of a target on average; higher scores count as the target."""
    return target - mean([np.minimum(task, target) for task in scores])


def performance_profile(scores: Scores, thresholds_T: np.ndarray) -> np.ndarray:
    """Share of runs [..., T] with a score above each threshold, tasks weighing alike."""
    per_task = [(task[..., :, None] > thresholds_T).mean(axis=-2) for task in scores]
    return np.mean(per_task, axis=0)


def probability_of_improvement(first: Scores, second: Scores) -> np.ndarray:
    """P(a run of the first is better than one of the second), ties count half, averaged over tasks.

    It is the Mann-Whitney U statistic over the number of pairs.

    Raises:
        ValueError: they do not have the same number of tasks.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} tasks against {len(second)}")
    wins = [
        (np.sign(a[..., :, None] - b[..., None, :]) + 1).mean(axis=(-2, -1)) / 2
        for a, b in zip(first, second, strict=True)
    ]
    return np.mean(wins, axis=0)


def resample(scores: Scores, number: int, generator: np.random.Generator) -> list[np.ndarray]:
    """``number`` resamples [B, R_k] of the runs with replacement, within every task (stratified)."""
    return [
        task_R[generator.integers(len(task_R), size=(number, len(task_R)))] for task_R in scores
    ]


def estimate(
    statistic: Callable[..., np.ndarray],
    *samples: Scores,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """A statistic of one or two groups of scores with its stratified percentile interval.

    Args:
        statistic: takes as many groups as ``samples``; works on the last axis.
        samples: the scores of each group.
        seed: of the resamples.
        resamples: their number.
        level: of the interval.

    Raises:
        ValueError: a task has no run.
    """
    if any(len(task_R) == 0 for scores in samples for task_R in scores):
        raise ValueError("a task has no run")
    value = float(statistic(*samples))
    runs = min(len(task_R) for scores in samples for task_R in scores)
    if runs == 1:
        return Estimate(value, float("nan"), float("nan"), runs)
    draws_B = bootstrap(statistic, samples, seed=seed, resamples=resamples)
    low, high = percentiles(draws_B, level)
    return Estimate(value, float(low), float(high), runs)


def bootstrap(
    statistic: Callable[..., np.ndarray],
    samples: Sequence[Scores],
    *,
    seed: int,
    resamples: int,
) -> np.ndarray:
    """The statistic of every resample, [B, …]."""
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, CHUNK):
        number = min(CHUNK, resamples - start)
        parts.append(statistic(*(resample(scores, number, generator) for scores in samples)))
    return np.concatenate(parts)


def percentiles(draws_B: np.ndarray, level: float) -> np.ndarray:
    """Ends of the middle ``level`` of the draws, along the first axis."""
    tail = 100 * (1 - level) / 2
    return np.percentile(draws_B, [tail, 100 - tail], axis=0)


def curve_interval(
    values_RG: np.ndarray,
    statistic: str = "iqm",
    *,
    seed: int = SEED,
    resamples: int = 2_000,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A statistic over runs at every grid point, and its pointwise bootstrap interval.

    Args:
        values_RG: without NaN, see ``Aligned.common``.
        statistic: ``iqm``, ``mean`` or ``median``.

    Returns:
        value [G], low [G], high [G].
    """
    function = CURVE_STATISTICS[statistic]
    value_G = function(values_RG.copy())
    runs = len(values_RG)
    if runs == 1:
        return value_G, value_G, value_G
    generator = np.random.default_rng(seed)
    picks_BR = generator.integers(runs, size=(resamples, runs))
    chunks = np.array_split(picks_BR, max(resamples // CURVE_CHUNK, 1))
    draws_BG = np.concatenate([function(values_RG[picks_bR.T]) for picks_bR in chunks])
    low_G, high_G = percentiles(draws_BG, level)
    return value_G, low_G, high_G


def _middle_half_of_runs(values_RN: np.ndarray) -> np.ndarray:
    """:func:`_middle_half` along the first axis; changes the array."""
    runs = len(values_RN)
    rows = list(np.sort(values_RN, axis=0) if runs > MAX_NETWORK else values_RN)
    spare = np.empty_like(rows[0])
    # Whole rows are compared at once: sorting many short columns would take three times as long.
    for i, j in sorting_network(runs) if runs <= MAX_NETWORK else ():
        np.minimum(rows[i], rows[j], out=spare)
        np.maximum(rows[i], rows[j], out=rows[j])
        rows[i], spare = spare, rows[i]
    cut = runs // 4
    return sum(rows[cut + 1 : runs - cut], start=rows[cut]) / (runs - 2 * cut)


@cache
def sorting_network(number: int) -> tuple[tuple[int, int], ...]:
    """The comparisons that sort so many values, each of a lower with a higher place.

    Batcher's merge exchange: Knuth, The Art of Computer Programming 3, algorithm 5.2.2M.
    """
    top = 1 << max((number - 1).bit_length() - 1, 0)
    pairs, step = [], top
    while step:
        distance, remainder, half = step, 0, top
        while True:
            pairs += [(i, i + distance) for i in range(number - distance) if i & step == remainder]
            if half == step:
                break
            distance, half, remainder = half - step, half // 2, step
        step //= 2
    return tuple(pairs)


# Statistics over runs, the first axis.
CURVE_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "iqm": _middle_half_of_runs,
    "mean": lambda values_RN: values_RN.mean(axis=0),
    "median": lambda values_RN: np.median(values_RN, axis=0),
}


def caveat(runs: int) -> str:
    """A warning on intervals from few runs; empty if there are enough."""
    if runs == 1:
        return "a single run: no interval, and no comparison"
    if runs < FEW_RUNS:
        return (
            f"{runs} runs: too few to trust the interval, which contains the true value in only "
            f"{covered_text(runs)} of cases"
        )
    return ""
