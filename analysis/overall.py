"""Groups over all environments they were run on: aggregates of normalised scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.statistics import (
    Estimate,
    caveat,
    estimate,
    iqm,
    mean,
    median,
    optimality_gap,
)

# Column → measure over tasks (Agarwal et al. 2021).
MEASURES = {"iqm": iqm, "median": median, "mean": mean, "gap": optimality_gap}


def overall(
    scores: pd.DataFrame, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, Mapping[str, Estimate], list[str]]:
    """Measures of every group that was run on all environments with a reference, when there are two.

    Args:
        scores: of :func:`rllib_zoo.analysis.scoring.scores.scores_table`, with ``world``.
        seed: of the bootstrap, stratified by environment.
        resamples: of the bootstrap.

    Returns:
        a row per group; group → interquartile mean; a sentence for each group that is left out.
    """
    known = scores.dropna(subset=["normalised"])
    rows: list[dict[str, Any]] = []
    iqms: dict[str, Estimate] = {}
    warnings: list[str] = []
    several = sorted(env for env, part in known.groupby("env") if part["world"].nunique() > 1)
    for env in several:
        warnings.append(f"{env} was played in several ways: it is no part of the aggregate")
    known = known[~known["env"].isin(several)]
    worlds = sorted(known["world"].unique())
    if len(worlds) < 2:
        return pd.DataFrame(rows), iqms, warnings
    for group, members in known.groupby("group", sort=True):
        missing = sorted(set(worlds) - set(members["world"]))
        if missing:
            warnings.append(
                f"{group} was not run on {', '.join(missing)}: it is left out of the aggregate "
                "over environments"
            )
            continue
        per_world = [part.to_numpy() for _, part in members.groupby("world")["normalised"]]
        found = {
            name: estimate(measure, per_world, seed=seed, resamples=resamples)
            for name, measure in MEASURES.items()
        }
        iqms[str(group)] = found["iqm"]
        numbers = {len(part) for part in per_world}
        if len(numbers) > 1:
            warnings.append(f"{group}: environments with more runs weigh more in the aggregate")
        if words := caveat(min(numbers)):
            warnings.append(f"all environments, {group}: {words}")
        rows.append(_row(str(group), per_world, found))
    return pd.DataFrame(rows), iqms, warnings


def _row(group: str, per_world: list[np.ndarray], found: Mapping[str, Estimate]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "group": group,
        "environments": len(per_world),
        "runs": sum(len(scores) for scores in per_world),
    }
    for name, one in found.items():
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return row
