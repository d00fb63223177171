"""Comparisons and figures of results in one line each: ``from rllib_zoo import analysis``.

Every figure is of one environment, ``env``, which may be left out where the results have one only. It is
drawn on ``ax``, matplotlib's current axes if None, which are returned. Intervals are percentile intervals of
``n_boot`` resamples of the runs (95 %); the same ``seed`` gives the same ones.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.align import align_groups
from rllib_zoo.analysis.files.columns import AXES, COLUMNS
from rllib_zoo.analysis.names import unknown
from rllib_zoo.analysis.options import MEASURE, RESAMPLES, SEED
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES, bands, profile_lines
from rllib_zoo.analysis.results import Results
from rllib_zoo.analysis.scoring.groups import by_group, group_numbers
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import MEASURES
from rllib_zoo.analysis.statistics import (
    CURVE_STATISTICS,
    Estimate,
    estimate,
    probability_of_improvement,
)
from rllib_zoo.analysis.summary import iqm_difference, require_group, scored


def plot_curves(
    results: Results,
    *,
    x: str = "steps",
    y: str = "return",
    env: str | None = None,
    estimator: str = "iqm",
    n_boot: int = CURVE_RESAMPLES,
    seed: int = SEED,
    ax: Axes | None = None,
) -> Axes:
    """A line per group with its interval, up to where all of its complete runs reach.

    Args:
        results: see ``load``.
        x: ``steps``, ``frames``, ``seconds`` or ``iterations``.
        y: ``return``, or another column of ``Results.curves``.
        env: environment, as in ``compare``.
        estimator: over runs: ``iqm``, ``mean`` or ``median``.
        n_boot: resamples; ``seed``: of them.
        ax: to draw on.

    Raises:
        ValueError: an unknown name, or no group has two results with ``x`` and ``y``.
    """
    column = "return_mean" if y == "return" else y
    require("column x", x, AXES)
    require("column y", column, [*COLUMNS, "steps_per_second"])
    require("estimator", estimator, CURVE_STATISTICS)
    part = of_env(scored(results, MEASURE)[0], env)
    curves = results.curves[results.curves["run"].isin(part["run"][part["steps"] > 0])]
    groups = align_groups(curves, column, axis=x)
    if not groups:
        raise ValueError(f"no group has two results with {y} over {x}")
    lines = bands(groups, statistic=estimator, seed=seed, resamples=n_boot)
    reference = REFERENCE_SCORES.get(part["env"].iloc[0]) if y == "return" else None
    numbers = group_numbers(results.runs)
    return draw.band_lines(
        axes_or_current(ax), lines, statistic=estimator, reference=reference, numbers=numbers
    )


def plot_profiles(
    results: Results,
    *,
    measure: str = MEASURE,
    env: str | None = None,
    n_boot: int = CURVE_RESAMPLES,
    seed: int = SEED,
    ax: Axes | None = None,
) -> Axes:
    """Performance profiles: per group the share of runs above every score, with its interval.

    Args:
        results: see ``load``.
        measure: the score of a run: ``final``, ``average`` or ``best``.
        env: environment; None with several: of normalised scores over all, see ``Results.scores``.
        n_boot: resamples; ``seed``: of them.
        ax: to draw on.

    Raises:
        ValueError: an unknown name, or scores over all environments do not exist.
    """
    table = scores_of(results, measure)
    if env is None and table["environment"].nunique() > 1:
        xlabel = f"normalised score ({measure})"
        samples = {group: list(scores.T) for group, scores in results.scores(measure).items()}
    else:
        xlabel = f"score ({measure})"
        groups = by_group(of_env(table, env))
        samples = {group: [part[measure].to_numpy()] for group, part in groups}
    thresholds_T, lines = profile_lines(samples, seed=seed, resamples=n_boot)
    numbers = group_numbers(results.runs)
    return draw.profiles(axes_or_current(ax), thresholds_T, lines, xlabel=xlabel, numbers=numbers)


def compare(
    results: Results,
    first: str,
    second: str,
    *,
    measure: str = MEASURE,
    n_boot: int = RESAMPLES,
    seed: int = SEED,
) -> pd.DataFrame:
    """How much better the first group is than the second, a row per environment of both.

    Runs are compared in comparable environments only: ``environment`` is an id, numbered where runs of one
    id have different signatures, and with a label where their returns are another quantity.

    Args:
        results: see ``load``.
        first: a group, see ``results.runs["group"]``.
        second: another one.
        measure: the score of a run: ``final``, ``average`` or ``best``.
        n_boot: resamples; ``seed``: of them.

    Returns:
        ``environment``; ``runs_x`` and ``runs_y`` of the first and the second; ``cut_off``: a stop rule on
        the score ended runs, so that final scores only show where they stopped;
        ``probability_of_improvement`` of a run of the first over one of the second, ties counting half;
        ``iqm_difference`` of raw scores;
        both with ``_low`` and ``_high``, the ends of the interval, NaN where a group has one run.

    Raises:
        ValueError: an unknown name, or no common environment.
    """
    for group in (first, second):
        require_group(results, group)
    bootstrap = partial(estimate, seed=seed, resamples=n_boot)
    rows = []
    for env, part in scores_of(results, measure).groupby("environment", sort=True):
        one, two = ([part[measure][part["group"] == group].to_numpy()] for group in (first, second))
        if len(one[0]) and len(two[0]):
            rows.append({
                "environment": env, "runs_x": len(one[0]), "runs_y": len(two[0]),
                "cut_off": bool(part["cut_off"].any()),
                **_columns("probability_of_improvement", bootstrap(probability_of_improvement, one, two)),
                **_columns("iqm_difference", bootstrap(iqm_difference, one, two)),
            })  # fmt: skip
    if not rows:
        raise ValueError(f"{first!r} and {second!r} have no scores in a common environment")
    return pd.DataFrame(rows)


def scores_of(results: Results, measure: str) -> pd.DataFrame:
    """The runs that have a score; see ``summary.scored``."""
    require("measure", measure, MEASURES)
    return scored(results, measure)[0].dropna(subset=[measure])


def of_env(table: pd.DataFrame, env: str | None) -> pd.DataFrame:
    """The runs of one environment; raises ValueError if it is unknown, or None of several."""
    names = sorted(set(table["environment"]))
    if env is None and len(names) > 1:
        raise ValueError(f"several environments: choose one with env=, of {', '.join(names)}")
    if env is None and not names:
        raise ValueError("no run has a score")
    require("environment", env or names[0], names)
    return table[table["environment"] == (env or names[0])]


def require(what: str, name: str, names: Any) -> None:
    if name not in names:
        raise ValueError(unknown(what, name, names))


def axes_or_current(ax: Axes | None) -> Axes:
    return plt.gca() if ax is None else ax


def _columns(name: str, value: Estimate) -> dict[str, float]:
    return {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
