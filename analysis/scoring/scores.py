"""Scores: one number per learning curve."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES

# Measure → description for reports.
MEASURES = {
    "final": "last mean return of training",
    "average": "mean return over training, by agent steps, up to the end of the shortest run",
    "best": "highest mean return during training",
}
# Columns that a table of scores takes from the runs.
RUN_COLUMNS = ("run", "group", "env", "seed", "status", "window", "steps", "seconds", "short")


def score(curve: pd.DataFrame, measure: str, until: float | None = None) -> float:
    """A run's score in raw returns; NaN if no episode has ended.

    ``final`` and ``average`` are the two criteria of Schulman et al. 2017 (PPO), table 2: the last 100
    episodes, and the average over all of training, here the area under the curve over agent steps
    divided by the steps it covers. Averages of runs of different lengths are only comparable up to the
    same step, ``until``.

    Args:
        curve: rows of one run, in order.
        measure: a key of ``MEASURES``.
        until: agent steps at which ``average`` ends; None: at the end of the run.

    Raises:
        ValueError: an unknown measure.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is unknown; choose from {', '.join(MEASURES)}")
    rows = curve[["steps", "return_mean"]].dropna()
    return float("nan") if rows.empty else _score(rows, measure, until)


def _score(rows: pd.DataFrame, measure: str, until: float | None) -> float:
    """:func:`score` of rows without missing numbers, of which there is one."""
    steps, returns = rows["steps"].to_numpy(), rows["return_mean"].to_numpy()
    if measure == "final":
        return float(returns[-1])
    if measure == "best":
        return float(returns.max())
    if until is not None and until < steps[-1]:
        before = steps < until
        steps, returns = np.append(steps[before], until), np.append(returns[before], np.nan)
        if len(steps) < 2:
            return float("nan")
    widths = np.diff(steps)
    if not widths.sum():
        return float(returns[0])
    # A result holds until the next one, as in align().
    return float((returns[:-1] * widths).sum() / widths.sum())


def time_to(curve: pd.DataFrame, threshold: float, axis: str = "steps") -> float:
    """Where the mean return first reached a threshold; NaN if it never did.

    Args:
        curve: rows of one run, in order.
        threshold: raw return.
        axis: ``steps``, ``frames``, ``seconds`` or ``iterations``.

    Raises:
        ValueError: an unknown axis.
    """
    if axis not in AXES:
        raise ValueError(f"axis {axis!r} is unknown; choose from {', '.join(AXES)}")
    reached = curve[curve["return_mean"] >= threshold]
    return float(reached[axis].iloc[0]) if len(reached) else float("nan")


def normalised(value: float, env: str) -> float:
    """0 is random play, 1 the target; NaN if the environment has no reference."""
    reference = REFERENCE_SCORES.get(env)
    return reference.normalised(value) if reference else float("nan")


def scores_table(runs: pd.DataFrame, curves: pd.DataFrame, measure: str = "final") -> pd.DataFrame:
    """One row per run: ``RUN_COLUMNS``, every measure, and ``measure`` normalised.

    Averages end with the shortest complete run of the environment.
    """
    horizons = runs[~runs["short"]].groupby("env")["steps"].min()
    rows = []
    by_run = dict(list(curves[["run", "steps", "return_mean"]].dropna().groupby("run")))
    for run in runs.to_dict("records"):
        curve = by_run.get(run["run"])
        row = {key: run[key] for key in RUN_COLUMNS}
        for name in MEASURES:
            until = horizons.get(run["env"]) if name == "average" else None
            row[name] = _score(curve, name, until) if curve is not None else float("nan")
        row["normalised"] = normalised(row[measure], run["env"])
        rows.append(row)
    table = pd.DataFrame(rows)
    table["seed"] = pd.Series([row["seed"] for row in rows], dtype=object)
    return table
