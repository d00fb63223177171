"""One number per run: what a learning curve is judged by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.columns import AXES
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES

# Measure → what it is, for tables.
MEASURES = {
    "final": "mean return of the last 100 episodes at the end of training",
    "average": "mean return over training, by agent steps, as far as the shortest run got",
    "best": "highest mean return of 100 episodes on the way",
}


SHOWN = ("run", "group", "env", "seed", "status", "steps", "seconds", "short")


def score(curve: pd.DataFrame, measure: str, until: float | None = None) -> float:
    """A run's score in raw returns; NaN when no episode has ended.

    ``final`` and ``average`` are the two criteria of Schulman et al. 2017 (PPO), table 2: the last 100
    episodes, and the average over all of training, here the area under the curve over agent steps
    divided by the steps it covers. Averages of runs of different lengths do not compare: ``until`` ends
    them all at the same step.

    Args:
        curve: rows of one run, in order.
        measure: a key of ``MEASURES``.
        until: agent steps at which ``average`` ends; None: where the run does.

    Raises:
        ValueError: an unknown measure.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is unknown; there are {', '.join(MEASURES)}")
    known = curve[["steps", "return_mean"]].dropna()
    if known.empty:
        return float("nan")
    steps, returns = known["steps"].to_numpy(), known["return_mean"].to_numpy()
    if measure == "final":
        return float(returns[-1])
    if measure == "best":
        return float(returns.max())
    if until is not None and until < steps[-1]:
        whole = steps < until
        steps, returns = np.append(steps[whole], until), np.append(returns[whole], np.nan)
        if len(steps) < 2:
            return float("nan")
    widths = np.diff(steps)
    # The earlier result holds until the next one, as everywhere here.
    return (
        float((returns[:-1] * widths).sum() / widths.sum()) if widths.sum() else float(returns[0])
    )


def time_to(curve: pd.DataFrame, threshold: float, axis: str = "steps") -> float:
    """Where the mean return first reached a threshold; NaN when it never did.

    Args:
        curve: rows of one run, in order.
        threshold: raw return.
        axis: ``steps``, ``frames``, ``seconds`` or ``iterations``.

    Raises:
        ValueError: an unknown axis.
    """
    if axis not in AXES:
        raise ValueError(f"axis {axis!r} is unknown; there are {', '.join(AXES)}")
    reached = curve[curve["return_mean"] >= threshold]
    return float(reached[axis].iloc[0]) if len(reached) else float("nan")


def normalised(value: float, env: str) -> float:
    """0 is random play, 1 the reference; NaN where we have no reference for the environment."""
    reference = REFERENCE_SCORES.get(env)
    return reference.normalised(value) if reference else float("nan")


def scores_table(runs: pd.DataFrame, curves: pd.DataFrame, measure: str = "final") -> pd.DataFrame:
    """One row per run: its group, environment, seed, status, every measure, and ``normalised``, which
    is the measure asked for between random play and the target.

    Averages end where the shortest whole run of the environment does.
    """
    horizons = runs[~runs["short"]].groupby("env")["steps"].min()
    rows = []
    by_run = dict(list(curves.groupby("run", sort=True)))
    for run in runs.to_dict("records"):
        curve = by_run.get(run["run"])
        row = {key: run[key] for key in SHOWN}
        for name in MEASURES:
            until = horizons.get(run["env"]) if name == "average" else None
            row[name] = score(curve, name, until) if curve is not None else float("nan")
        row["normalised"] = normalised(row[measure], run["env"])
        rows.append(row)
    return pd.DataFrame(rows)
