"""The figures of a report: which ones a set of results gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw, statistics
from rllib_zoo.analysis.align import align_groups
from rllib_zoo.analysis.load import Results
from rllib_zoo.analysis.plots.figure_file import FigureImage, draw_figure, file_name
from rllib_zoo.analysis.plots.sweep_figures import ablation_figure, rate_of, sweep_figures
from rllib_zoo.analysis.scoring.groups import by_group
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import time_to
from rllib_zoo.analysis.summary import ALL, Summary

DIAGNOSTICS = (
    "policy_loss", "vf_loss", "entropy", "kl", "explained_variance", "clip_fraction",
    "gradient_norm", "gradient_variance", "staleness_mean", "steps_per_second",
)  # fmt: skip
# Points of a performance profile.
THRESHOLDS = 101
# More lines than colours are hard to distinguish: then the best groups are drawn, as the title says.
MAX_LINES = 7


def figures(
    results: Results,
    summary: Summary,
    baseline: str | None = None,
    *,
    seed: int = 0,
    resamples: int = draw.CURVE_RESAMPLES,
) -> Iterator[FigureImage]:
    """Every figure that has data: over all environments, then per environment.

    Args:
        results: what was loaded.
        summary: of the results.
        baseline: group of ``Summary.differences``.
        seed: of the intervals of curves, profiles and throughput; ``resamples``: their number.
    """
    if summary.overall_iqms:
        paint = partial(
            draw.bars,
            estimates=summary.overall_iqms,
            xlabel="interquartile mean of normalised scores",
            runs="runs per environment, at least",
        )
        yield draw_figure("all-environments", ALL, paint, ALL)
    curve = partial(draw.learning_curves, seed=seed, resamples=resamples)
    interval = partial(statistics.estimate, seed=seed, resamples=resamples)
    for env, part in summary.scores.groupby("environment", sort=True):
        runs = part[part["steps"] > 0]
        if runs.empty:
            continue
        env_id = str(runs["env"].iloc[0])
        curves = results.curves[results.curves["run"].isin(runs["run"])]
        shown, suffix = _best_groups(env, curves, summary)
        reference = REFERENCE_SCORES.get(env_id)
        yield from _learning(env, shown, suffix, partial(curve, reference=reference))
        profile = partial(_profile, seed=seed, resamples=resamples)
        yield from _scores(env, summary, set(shown["group"]), suffix, profile)
        if (threshold := summary.thresholds.get(env_id)) is not None:
            for axis in ("steps", "seconds"):
                yield _reached(env, shown, threshold, suffix, axis)
        if baseline is not None and summary.differences.get(env):
            yield ablation_figure(env, summary.differences[env], baseline)
        yield from sweep_figures(curves, summary, env)
        for column in DIAGNOSTICS:
            if groups := align_groups(shown, column):
                title = f"{draw.COLUMN_LABELS.get(column, column)}{suffix}"
                paint = partial(curve, groups=groups, tails=False)
                yield _figure(env, column.replace("_", "-"), title, paint, "diagnostics")
        yield _throughput(env, shown, partial(interval, statistics.iqm))


def _figure(
    env: str, name: str, title: str, paint: Callable[[Axes], Axes], part: str = "figures"
) -> FigureImage:
    return draw_figure(f"{file_name(env)}-{name}", f"{env}: {title}", paint, env, part)


def _best_groups(env: str, curves: pd.DataFrame, summary: Summary) -> tuple[pd.DataFrame, str]:
    """The curves of at most ``MAX_LINES`` groups, and a suffix of titles if there are more."""
    groups = sorted(set(curves["group"]))
    if len(groups) <= MAX_LINES:
        return curves, ""
    iqms = summary.iqms.get(env, {})
    best = sorted(groups, key=lambda group: -iqms[group].value if group in iqms else np.inf)
    shown = curves[curves["group"].isin(best[:MAX_LINES])]
    return shown, f" (best {MAX_LINES} of {len(groups)} groups)"


def _learning(
    env: str, curves: pd.DataFrame, suffix: str, curve: Callable[..., Axes]
) -> Iterator[FigureImage]:
    """Returns over steps, over time, and over frames if these differ from steps."""
    for axis in ("steps", "frames", "seconds"):
        if axis == "frames" and _same(curves["frames"], curves["steps"]):
            continue
        if groups := align_groups(curves, axis=axis):
            paint = partial(curve, groups=groups)
            yield _figure(env, f"return-over-{axis}", f"learning curves{suffix}", paint, "curves")


def _scores(
    env: str, summary: Summary, shown: set[str], suffix: str, profile: Callable[..., Any]
) -> Iterator[FigureImage]:
    """Scores of all groups, performance profiles and comparisons of the ``shown`` ones."""
    estimates = summary.iqms.get(env, {})
    if not estimates:
        return
    xlabel = f"interquartile mean of scores ({summary.measure})"
    yield _figure(env, "scores", "scores", partial(draw.bars, estimates=estimates, xlabel=xlabel))
    part = summary.scores[summary.scores["environment"] == env].dropna(subset=[summary.measure])
    samples = {
        group: [members[summary.measure].to_numpy()]
        for group, members in by_group(part)
        if group in shown
    }
    if min(len(sample[0]) for sample in samples.values()) > 1:
        low, high = part[summary.measure].min(), part[summary.measure].max()
        margin = 0.05 * ((high - low) or 1.0)
        thresholds_T = np.linspace(low - margin, high + margin, THRESHOLDS)
        lines = {
            f"{group} ({len(sample[0])} runs)": profile(sample, thresholds_T)
            for group, sample in samples.items()
        }
        paint = partial(draw.profiles, thresholds_T=thresholds_T, groups=lines, xlabel="score")
        yield _figure(env, "profiles", f"performance profiles{suffix}", paint)
    improvements = summary.improvements.get(env, {})
    pairs = {pair: value for pair, value in improvements.items() if shown.issuperset(pair)}
    if pairs:
        paint = partial(draw.improvement, pairs=pairs)
        yield _figure(env, "improvement", f"probability of improvement{suffix}", paint)


def _profile(
    sample: list[np.ndarray], thresholds_T: np.ndarray, seed: int, resamples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The performance profile [T] of a group and its interval."""
    statistic = partial(statistics.performance_profile, thresholds_T=thresholds_T)
    draws = statistics.bootstrap(statistic, [sample], seed=seed, resamples=resamples)
    low, high = statistics.percentiles(draws, statistics.LEVEL)
    return statistic(sample), low, high


def _reached(
    env: str, curves: pd.DataFrame, threshold: float, suffix: str, axis: str
) -> FigureImage:
    groups = {
        group: [time_to(curve, threshold, axis) for _, curve in part.groupby("run", sort=True)]
        for group, part in by_group(curves)
    }
    title = f"{axis} to {threshold:g}"
    paint = partial(draw.reached, groups=groups, threshold=threshold, axis=axis)
    return _figure(env, title.replace(" ", "-"), f"{title}{suffix}", paint)


def _throughput(
    env: str, curves: pd.DataFrame, interval: Callable[[list[np.ndarray]], Any]
) -> FigureImage:
    """Agent steps per second over whole runs, per group."""
    rates = {
        group: np.array([rate_of(curve) for _, curve in part.groupby("run")])
        for group, part in by_group(curves)
    }
    measured = {group: values[~np.isnan(values)] for group, values in rates.items()}
    estimates = {group: interval([values]) for group, values in measured.items() if len(values)}
    xlabel = "agent steps per second of training, interquartile mean"
    paint = partial(draw.bars, estimates=estimates, xlabel=xlabel)
    return _figure(env, "throughput", "throughput", paint, "diagnostics")


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(
        one.isna().all() or np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    )
