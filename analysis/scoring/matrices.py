"""Scores as the arrays that rliable's functions take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rllib_zoo.analysis.scoring.groups import by_group
from rllib_zoo.analysis.summary import scored

if TYPE_CHECKING:
    from rllib_zoo.analysis.results import Results


def score_matrices(results: Results, measure: str, normalised: bool) -> dict[str, np.ndarray]:
    """See ``Results.scores``."""
    table = scored(results, measure)[0]
    column = "normalised" if normalised else measure
    if normalised:
        _require_references(table, measure)
    tasks = sorted(set(table["environment"]))
    matrices = {}
    for group, part in by_group(table):
        scores = {task: part[column][part["environment"] == task].dropna() for task in tasks}
        counts = {task: len(values) for task, values in scores.items()}
        if len(set(counts.values())) > 1 or not all(counts.values()):
            numbers = ", ".join(f"{count} on {task}" for task, count in counts.items())
            raise ValueError(
                f"group {group!r} has unequal numbers of runs with a score: {numbers}; an array "
                "[runs, tasks] needs equal ones, of the same environments for every group"
            )
        matrices[group] = np.column_stack([values.to_numpy() for values in scores.values()])
    return matrices


def _require_references(table: pd.DataFrame, measure: str) -> None:
    """Raises ValueError if a score cannot be normalised."""
    bare = table["env"][table["normalised"].isna() & table[measure].notna()]
    if len(bare):
        raise ValueError(
            f"{bare.iloc[0]} has no reference score (analysis/scoring/reference_scores.py): "
            "use normalised=False for raw returns"
        )
