"""Sweeps in one line each: settings and their scores, and the rungs at which ASHA stopped trials.

Arguments that several functions share are those of ``api``.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from rllib_zoo.analysis.api import axes_or_current, of_env, require, scores_of
from rllib_zoo.analysis.options import MEASURE, RESAMPLES, SEED
from rllib_zoo.analysis.plots import sweep_figures
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES
from rllib_zoo.analysis.plots.rungs import draw_rungs
from rllib_zoo.analysis.plots.settings import over_values
from rllib_zoo.analysis.results import CONFIG, Results, column_of, is_setting
from rllib_zoo.analysis.scoring.groups import differing_keys
from rllib_zoo.analysis.scoring.rungs import Rungs, rungs_of
from rllib_zoo.analysis.scoring.scores import MEASURES
from rllib_zoo.analysis.summary import scored, summarise

# Columns of ``sweep_table`` beside the settings.
SWEEP_COLUMNS = ["runs", "iqm", "iqm_low", "iqm_high", "steps", "seconds", "steps_to"]


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
    require("measure", measure, MEASURES)
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
    table = of_env(scores_of(results, measure), env)
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
    axes = axes_or_current(ax)
    for number, (algorithm, line) in enumerate(lines.items()):
        sweep_figures.sensitivity(axes, *line, key=key, ylabel=sweep_figures.SCORE, label=algorithm,
                                  number=number, categories=categories)  # fmt: skip
    axes.legend()
    return axes


def rung_table(results: Results) -> pd.DataFrame:
    """A row per rung of every experiment in which ASHA stopped trials.

    Args:
        results: see ``load``.

    Returns:
        ``experiment``; ``rung`` from 1; ``time`` of it, in the unit of the scheduler's ``time_attr``; trials
        that ``reached`` it, ``went_on`` and were ``stopped`` there (others are complete, or ended otherwise);
        ``cutoff``: the score that a next trial would need, while those before needed others; NaN at the end
        of trials and with several brackets; ``best`` score there.

    Raises:
        ValueError: no experiment with ASHA, or its rungs are unknown, and why.
    """
    return pd.concat([rungs.table for rungs in _rungs(results)], ignore_index=True)


def plot_rungs(results: Results, *, experiment: str | None = None, ax: Axes | None = None) -> Axes:
    """The scores at the rungs of ASHA, which trials went on, and the last cut-offs.

    Args:
        results: see ``load``.
        experiment: name of its folder; None: the only one with ASHA.
        ax: to draw on.

    Raises:
        ValueError: see ``rung_table``; an unknown experiment, or None of several.
    """
    found = {rungs.experiment: rungs for rungs in _rungs(results)}
    if experiment is None and len(found) > 1:
        raise ValueError(f"several experiments: choose one with experiment=, of {', '.join(found)}")
    name = experiment or next(iter(found))
    require("experiment", name, found)
    return draw_rungs(axes_or_current(ax), found[name])


def _rungs(results: Results) -> list[Rungs]:
    environments = scored(results, MEASURE)[0].set_index("run")["environment"]
    found, reasons = rungs_of(results, environments)
    if not found:
        raise ValueError("; ".join(reasons) or "no experiment had the scheduler asha")
    return found


def _key(results: Results, key: str) -> str:
    """The flat key of a setting; raises ValueError if no run sets it."""
    keys = {name for config in results.configs.values() for name in config if is_setting(name)}
    name = key.removeprefix(CONFIG).replace("/", ".")
    nested = [other for other in keys if other.rsplit(".", 1)[-1] == name]
    if name not in keys and len(nested) == 1:
        return nested[0]
    require("setting", name, keys)
    return name
