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
from rllib_zoo.analysis.plots import sweep_figures
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES, bands, profile_lines
from rllib_zoo.analysis.plots.settings import over_values
from rllib_zoo.analysis.results import CONFIG, Results, column_of, is_setting
from rllib_zoo.analysis.scoring.groups import by_group, differing_keys, group_numbers
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import MEASURES
from rllib_zoo.analysis.statistics import (
    CURVE_STATISTICS,
    Estimate,
    estimate,
    probability_of_improvement,
)
from rllib_zoo.analysis.summary import iqm_difference, require_group, scored, summarise

# Columns of ``sweep_table`` beside the settings.
SWEEP_COLUMNS = ["runs", "iqm", "iqm_low", "iqm_high", "steps", "seconds", "steps_to"]


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
    _require("column x", x, AXES)
    _require("column y", column, [*COLUMNS, "steps_per_second"])
    _require("estimator", estimator, CURVE_STATISTICS)
    part = _of_env(scored(results, MEASURE)[0], env)
    curves = results.curves[results.curves["run"].isin(part["run"][part["steps"] > 0])]
    groups = align_groups(curves, column, axis=x)
    if not groups:
        raise ValueError(f"no group has two results with {y} over {x}")
    lines = bands(groups, statistic=estimator, seed=seed, resamples=n_boot)
    reference = REFERENCE_SCORES.get(part["env"].iloc[0]) if y == "return" else None
    numbers = group_numbers(results.runs)
    return draw.band_lines(
        _axes(ax), lines, statistic=estimator, reference=reference, numbers=numbers
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
    table = _scores(results, measure)
    if env is None and table["environment"].nunique() > 1:
        xlabel = f"normalised score ({measure})"
        samples = {group: list(scores.T) for group, scores in results.scores(measure).items()}
    else:
        xlabel = f"score ({measure})"
        groups = by_group(_of_env(table, env))
        samples = {group: [part[measure].to_numpy()] for group, part in groups}
    thresholds_T, lines = profile_lines(samples, seed=seed, resamples=n_boot)
    numbers = group_numbers(results.runs)
    return draw.profiles(_axes(ax), thresholds_T, lines, xlabel=xlabel, numbers=numbers)


def plot_sensitivity(
    results: Results,
    key: str,
    *,
    measure: str = MEASURE,
    env: str | None = None,
    n_boot: int = CURVE_RESAMPLES,
    seed: int = SEED,
    ax: Axes | None = None,
) -> Axes:
    """The interquartile mean of scores over the values of one setting, a line per algorithm that sets it.

    A point is of all runs with the value, whatever their other settings.

    Args:
        results: see ``load``.
        key: of the configuration: ``lr``, ``model/use_lstm``, ``config/lr``, or the last part of
            a nested one.
        measure: the score of a run: ``final``, ``average`` or ``best``.
        env: environment, as in ``compare``.
        n_boot: resamples; ``seed``: of them.
        ax: to draw on.

    Raises:
        ValueError: an unknown name, or a setting that has one value only.
    """
    flat_key = _key(results, key)
    table = _of_env(_scores(results, measure), env)
    table = table.merge(results.runs[["run", "algorithm"]], on="run")
    lines = {}
    for algorithm, part in table.groupby("algorithm", sort=True):
        settings = [results.configs[int(run)].get(flat_key, "default") for run in part["run"]]
        values, estimates = over_values(
            settings, part[measure].tolist(), seed=seed, resamples=n_boot
        )
        if len(values) > 1:
            lines[algorithm] = values, estimates
    if not lines:
        raise ValueError(f"setting {key!r} does not differ between runs of one algorithm")
    categories = sweep_figures.ordered([value for values, _ in lines.values() for value in values])
    axes = _axes(ax)
    for number, (algorithm, line) in enumerate(lines.items()):
        sweep_figures.sensitivity(axes, *line, key=key, ylabel=sweep_figures.SCORE, label=algorithm,
                                  number=number, categories=categories)  # fmt: skip
    axes.legend()
    return axes


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
    for env, part in _scores(results, measure).groupby("environment", sort=True):
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


def sweep_table(
    results: Results, *, measure: str = MEASURE, n_boot: int = RESAMPLES, seed: int = SEED
) -> pd.DataFrame:
    """A row per setting of every sweep, best first, as the report ranks them.

    Args:
        results: see ``load``.
        measure: the score of a run: ``final``, ``average`` or ``best``.
        n_boot: resamples; ``seed``: of them.

    Returns:
        ``environment``, ``algorithm``, ``group``, ``config/<key>`` of what was varied, then
        ``SWEEP_COLUMNS``: ``iqm`` is the interquartile mean of scores, ``steps`` the fewest of the runs,
        ``seconds`` their median, ``steps_to`` the median of steps to the score at which runs were stopped:
        where there is one, it ranks.

    Raises:
        ValueError: an unknown name, or no algorithm has groups that differ in settings.
    """
    _require("measure", measure, MEASURES)
    summary = summarise(results, measure=measure, seed=seed, resamples=n_boot)
    ranks = {verdict.place: list(verdict.estimates) for verdict in summary.verdicts}
    rows: list[dict[str, Any]] = []
    for env, algorithm in summary.sweeps:
        part = summary.table[summary.table["environment"] == env].set_index("group")
        runs = summary.scores[summary.scores["environment"] == env].drop_duplicates("group")
        configs = {
            group: results.configs[run]
            for group, run in zip(runs["group"], runs["run"], strict=True)
        }
        groups = [group for group in ranks.get(env, ()) if group in summary.sweeps[env, algorithm]]
        keys = differing_keys([configs[group] for group in summary.sweeps[env, algorithm]])
        rows += [
            {"environment": env, "algorithm": algorithm, "group": group}
            | {column_of(key): configs[group].get(key, "default") for key in keys}
            | part.loc[group].reindex(SWEEP_COLUMNS).to_dict()
            for group in groups
        ]
    if not rows:
        raise ValueError("no sweep: no algorithm has groups with scores that differ in settings")
    table = pd.DataFrame(rows).astype({"runs": int})
    return table[[*(name for name in table if name not in SWEEP_COLUMNS), *SWEEP_COLUMNS]]


def _scores(results: Results, measure: str) -> pd.DataFrame:
    """The runs that have a score; see ``summary.scored``."""
    _require("measure", measure, MEASURES)
    return scored(results, measure)[0].dropna(subset=[measure])


def _of_env(table: pd.DataFrame, env: str | None) -> pd.DataFrame:
    """The runs of one environment; raises ValueError if it is unknown, or None of several."""
    names = sorted(set(table["environment"]))
    if env is None and len(names) > 1:
        raise ValueError(f"several environments: choose one with env=, of {', '.join(names)}")
    if env is None and not names:
        raise ValueError("no run has a score")
    _require("environment", env or names[0], names)
    return table[table["environment"] == (env or names[0])]


def _key(results: Results, key: str) -> str:
    """The flat key of a setting; raises ValueError if no run sets it."""
    keys = {name for config in results.configs.values() for name in config if is_setting(name)}
    name = key.removeprefix(CONFIG).replace("/", ".")
    nested = [other for other in keys if other.rsplit(".", 1)[-1] == name]
    if name not in keys and len(nested) == 1:
        return nested[0]
    _require("setting", name, keys)
    return name


def _require(what: str, name: str, names: Any) -> None:
    if name not in names:
        raise ValueError(unknown(what, name, names))


def _axes(ax: Axes | None) -> Axes:
    return plt.gca() if ax is None else ax


def _columns(name: str, value: Estimate) -> dict[str, float]:
    return {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
