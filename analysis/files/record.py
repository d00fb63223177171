"""What every reader gives: a run as it lies on disk, and its learning curve in the units of ``columns``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.columns import COLUMNS

UNREADABLE = "unreadable"
# Labels of runs whose returns or steps are another quantity: they are compared only with their like.
CLIPPED = "clipped rewards"
LIVES = "returns of lives, not games"
NORMALISED = "normalised rewards"
EVALUATION = "evaluation returns"
UNKNOWN_RETURN = "unknown unit of returns"
UNKNOWN_STEPS = "unknown unit of steps"
COPIES = "steps of one copy, number of copies unknown"
# Labels that change no comparison of returns.
FRAME_LENGTHS = "lengths in frames"
UPPER_BOUND = "steps are an upper bound"
LOWER_BOUND = "steps of finished episodes only"
APART = frozenset({
    CLIPPED, LIVES, NORMALISED, EVALUATION, UNKNOWN_RETURN, UNKNOWN_STEPS, COPIES,
})  # fmt: skip
LABELS = (*sorted(APART), FRAME_LENGTHS, UPPER_BOUND, LOWER_BOUND)
# Columns of evaluations.
EVALUATIONS = ("steps", "return_mean", "return_min", "return_max", "episodes")


class UnreadableError(ValueError):
    """A run whose files cannot be read, and why."""


@dataclass(frozen=True)
class Trial:
    """A run on disk.

    Attributes:
        path: its folder, or its file where a folder may hold several.
        experiment: name of the parent folder.
        status: done, stopped early, failed, running, interrupted, unknown, or unreadable.
        algorithm: "" if unknown.
        config: the run's configuration, without defaults where the library tells them apart.
        manifest: of its experiment; empty without one.
        stop: result name → bound; empty if unknown.
        restored_from: the checkpoint it started from, by Tune's state; "" without one.
        format: name of its reader.
        part: which run of a file with several.
        files: of the run, where its folder may hold others.
        message: why it is unreadable.
    """

    path: Path
    experiment: str = ""
    status: str = "unknown"
    algorithm: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    restored_from: str = ""
    format: str = "tune"
    part: str = ""
    files: tuple[Path, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class Curve:
    """The results of one run.

    Attributes:
        values_TC: [T, C] float64, C the columns of ``columns.COLUMNS``; NaN where there is no number.
            Steps never decrease: results that were repeated after a restart are left out.
        broken: lines that cannot be read, also where a complete result follows a cut part.
        repeated: rows left out because a restart repeated them.
        config: of the run, as far as its results tell it; ``env`` and ``seed`` among it.
        results: number of rows before any were left out because of ``max_rows``.
        continues: iterations of an earlier run that this one continues; 0 if it begins itself.
        first_seconds: duration of the first iteration; NaN if unknown.
        first_time: Unix time of the first result; NaN if unknown.
        source_of_mean: path of the mean return in a result of RLlib; "" without one.
        mean_of: the episodes of a mean return in words; "" where the column ``window`` tells it.
        algorithm: with the library's name; "" if unknown.
        status: as of ``Trial``; "" where the results do not tell it.
        labels: what its numbers are where they are not what the columns mean; see ``APART``.
        notes: sentences on what was left out, or from where a fact was taken.
        evaluations_EV: [E, V] evaluations, V the columns ``EVALUATIONS``.
    """

    values_TC: np.ndarray
    broken: int = 0
    repeated: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    results: int = 0
    continues: int = 0
    first_seconds: float = math.nan
    first_time: float = math.nan
    source_of_mean: str = ""
    mean_of: str = ""
    algorithm: str = ""
    status: str = ""
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evaluations_EV: np.ndarray = field(default_factory=lambda: np.empty((0, len(EVALUATIONS))))

    def last(self) -> dict[str, float]:
        """Column → its last number; NaN without one."""
        numbers = {}
        for column, values_T in zip(COLUMNS, self.values_TC.T, strict=True):
            finite_T = values_T[~np.isnan(values_T)]
            numbers[column] = float(finite_T[-1]) if len(finite_T) else float("nan")
        return numbers


EMPTY = Curve(np.empty((0, len(COLUMNS))))


def table_of(columns: Mapping[str, np.ndarray | float], rows: int) -> np.ndarray:
    """``values_TC`` of the named columns [T]; the others are NaN."""
    values_TC = np.full((rows, len(COLUMNS)), np.nan)
    for name, values_T in columns.items():
        values_TC[:, COLUMNS.index(name)] = values_T
    return values_TC


def thin(values_TC: np.ndarray, max_rows: int | None) -> np.ndarray:
    """About so many rows, evenly spaced, the first and the last included; all with None."""
    if max_rows is None or len(values_TC) <= max_rows:
        return values_TC
    return values_TC[np.unique(np.linspace(0, len(values_TC) - 1, max_rows).round().astype(int))]
