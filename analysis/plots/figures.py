"""Which figures a set of results deserves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.align import align_groups
from rllib_zoo.analysis.load import Results
from rllib_zoo.analysis.plots.figure_file import Drawn, drawn_in, file_name
from rllib_zoo.analysis.plots.sweep_figures import ablation_figure, rate_of, sweep_figures
from rllib_zoo.analysis.scoring.groups import by_group
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import time_to
from rllib_zoo.analysis.statistics import drawn, estimate, iqm, percentiles, performance_profile
from rllib_zoo.analysis.summary import Summary

DIAGNOSTICS = (
    "policy_loss",
    "vf_loss",
    "entropy",
    "kl",
    "explained_variance",
    "clip_fraction",
    "gradient_norm",
    "gradient_variance",
    "staleness_mean",
    "steps_per_second",
)
THRESHOLDS = 101
# More lines than colours cannot be told apart: then the best groups are drawn, and the title says so.
MAX_LINES = 7


def figures(
    results: Results,
    summary: Summary,
    thresholds: dict[str, float],
    baseline: str | None = None,
    *,
    seed: int = 0,
    resamples: int = draw.CURVE_RESAMPLES,
) -> Iterator[Drawn]:
    """Every figure there is something to show in: over all environments, then world by world.

    Args:
        results: what was loaded.
        summary: of it.
        thresholds: environment → return whose first reaching is drawn.
        baseline: group of :attr:`Summary.differences`.
        seed: of the intervals of curves, profiles and throughput; ``resamples``: how many.
    """
    curve = partial(draw.learning_curves, seed=seed, resamples=resamples)
    if summary.overall_iqms:
        words = "interquartile mean of normalised scores"
        yield drawn_in(
            "all-environments",
            "All environments",
            partial(
                draw.bars,
                estimates=summary.overall_iqms,
                xlabel=words,
                runs="runs per environment, at least",
            ),
        )
    for world, part in summary.scores.groupby("world", sort=True):
        runs = part[part["steps"] > 0]
        if runs.empty:
            continue
        curves = results.curves[results.curves["run"].isin(runs["run"])]
        shown, addition = _best(str(world), curves, summary)
        yield from _learning(str(world), str(runs["env"].iloc[0]), shown, addition, curve)
        profile = partial(_profile, seed=seed, resamples=resamples)
        yield from _of_scores(str(world), summary, set(shown["group"]), addition, profile)
        if (threshold := thresholds.get(str(runs["env"].iloc[0]))) is not None:
            for axis in ("steps", "seconds"):
                yield _reached(str(world), shown, threshold, addition, axis)
        if baseline is not None and summary.differences.get(str(world)):
            yield ablation_figure(str(world), summary.differences[str(world)], baseline)
        yield from sweep_figures(curves, summary, str(world))
        for column in DIAGNOSTICS:
            groups = align_groups(shown, column)
            if groups:
                yield drawn_in(
                    f"{file_name(str(world))}-{column.replace('_', '-')}",
                    f"{world}: {draw.WORDS.get(column, column)}{addition}",
                    partial(curve, groups=groups, tails=False),
                )
        yield _throughput(str(world), shown, seed, resamples)


def _best(world: str, curves: pd.DataFrame, summary: Summary) -> tuple[pd.DataFrame, str]:
    """The curves of the groups that lines are drawn of, and what titles say of the others."""
    groups = sorted(set(curves["group"]))
    if len(groups) <= MAX_LINES:
        return curves, ""
    found = summary.iqms.get(world, {})
    best = sorted(groups, key=lambda group: -found[group].value if group in found else np.inf)
    kept = best[:MAX_LINES]
    return curves[curves["group"].isin(kept)], f" (best {MAX_LINES} of {len(groups)} groups)"


def _learning(
    world: str, env: str, curves: pd.DataFrame, addition: str, curve: Callable[..., Axes]
) -> Iterator[Drawn]:
    """Returns over steps, over frames where they are others, and over time."""
    for axis in ("steps", "frames", "seconds"):
        if axis == "frames" and _same(curves["frames"], curves["steps"]):
            continue
        groups = align_groups(curves, axis=axis)
        if groups:
            reference = REFERENCE_SCORES.get(env)
            yield drawn_in(
                f"{file_name(world)}-return-over-{axis}",
                f"{world}: learning curves{addition}",
                partial(curve, groups=groups, reference=reference),
            )


def _of_scores(
    world: str, summary: Summary, shown: set[str], addition: str, profile: Callable[..., Any]
) -> Iterator[Drawn]:
    """Points of all groups, profiles and comparisons of the shown ones."""
    name, estimates = file_name(world), summary.iqms.get(world, {})
    if not estimates:
        return
    words = f"interquartile mean of scores ({summary.measure})"
    yield drawn_in(
        f"{name}-scores",
        f"{world}: scores",
        lambda ax: draw.bars(ax, estimates, xlabel=words),
    )
    part = summary.scores[summary.scores["world"] == world].dropna(subset=[summary.measure])
    samples = {
        group: [members[summary.measure].to_numpy()]
        for group, members in by_group(part)
        if group in shown
    }
    if min(len(sample[0]) for sample in samples.values()) > 1:
        low, high = part[summary.measure].min(), part[summary.measure].max()
        pad = 0.05 * ((high - low) or 1.0)
        thresholds_T = np.linspace(low - pad, high + pad, THRESHOLDS)
        lines = {
            f"{group} ({len(sample[0])} runs)": profile(sample, thresholds_T)
            for group, sample in samples.items()
        }
        yield drawn_in(
            f"{name}-profiles",
            f"{world}: performance profiles{addition}",
            lambda ax: draw.profiles(ax, thresholds_T, lines, xlabel="score"),
        )
    pairs = {
        pair: found
        for pair, found in summary.improvements.get(world, {}).items()
        if shown.issuperset(pair)
    }
    if pairs:
        yield drawn_in(
            f"{name}-improvement",
            f"{world}: probability of improvement{addition}",
            lambda ax: draw.improvement(ax, pairs),
        )


def _profile(
    sample: list[np.ndarray], thresholds_T: np.ndarray, seed: int, resamples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def statistic(scores: list[np.ndarray]) -> np.ndarray:
        return performance_profile(scores, thresholds_T)

    draws = drawn(statistic, [sample], seed=seed, resamples=resamples)
    low, high = percentiles(draws, 0.95)
    return statistic(sample), low, high


def _reached(world: str, curves: pd.DataFrame, threshold: float, addition: str, axis: str) -> Drawn:
    groups = {
        group: [time_to(curve, threshold, axis) for _, curve in part.groupby("run", sort=True)]
        for group, part in by_group(curves)
    }
    return drawn_in(
        f"{file_name(world)}-{axis}-to-{threshold:g}",
        f"{world}: {axis} to {threshold:g}{addition}",
        lambda ax: draw.reached(ax, groups, threshold=threshold, axis=axis),
    )


def _throughput(world: str, curves: pd.DataFrame, seed: int, resamples: int) -> Drawn:
    """Agent steps per second over all of a run, per group."""
    rates = {
        group: np.array([rate_of(curve) for _, curve in part.groupby("run")])
        for group, part in by_group(curves)
    }
    known = {group: found[~np.isnan(found)] for group, found in rates.items()}
    estimates = {
        group: estimate(iqm, [found], seed=seed, resamples=resamples)
        for group, found in known.items()
        if len(found)
    }
    words = "agent steps per second of training, interquartile mean"
    return drawn_in(
        f"{file_name(world)}-throughput",
        f"{world}: throughput",
        partial(draw.bars, estimates=estimates, xlabel=words),
    )


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(
        one.isna().all() or np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    )
