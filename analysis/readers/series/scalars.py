"""Named series of numbers, the common form of event files, tables, W&B and MLflow, and their curves."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.record import Curve, UnreadableError, table_of, thin
from rllib_zoo.analysis.files.result_json import not_repeated
from rllib_zoo.analysis.readers.series.episodes import table_of_episodes
from rllib_zoo.analysis.readers.series.facts import is_atari, is_atari_frames
from rllib_zoo.analysis.readers.series.layouts import (
    COLUMNS_KEY,
    LAYOUTS,
    Layout,
    generic,
    listed,
)


class Points(NamedTuple):
    """A series in the order it was written.

    Attributes:
        steps_T: [T] what the file has as step.
        values_T: [T] without NaN.
        seconds_T: [T] since the start of the run; NaN where unknown.
    """

    steps_T: np.ndarray
    values_T: np.ndarray
    seconds_T: np.ndarray


@dataclass(frozen=True)
class Scalars:
    """The series of one run.

    Attributes:
        series: name → points.
        axis: unit of their steps if the format itself tells it; "" where the library does.
        config: settings of the run.
        notes: on what was cut or left out.
    """

    series: Mapping[str, Points]
    axis: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def curve_of_scalars(
    scalars: Scalars, facts: Mapping[str, Any], max_rows: int | None = None
) -> Curve:
    """The curve of a run by the names of its series.

    Args:
        scalars: of the run.
        facts: ``env``, ``algorithm``, ``seed``, ``copies``, ``frame_skip``, ``axis``, ``columns``, where
            they are known.
        max_rows: as for ``read_run``.

    Raises:
        UnreadableError: no series is known to be a return, or one of ``columns`` is missing.
    """
    layout = _layout(scalars, facts.get("columns", {}))
    labels = [*layout.labels]
    mean = _first(scalars, layout.columns["return_mean"])
    evaluation = _first(scalars, layout.evaluation)
    if mean is None:
        if evaluation is None:
            return _without_returns(scalars, layout)
        labels.append(record.EVALUATION)
    points = mean or evaluation
    assert points is not None
    columns = {
        name: _held(column, points)
        for name, names in layout.columns.items()
        if name != "return_mean" and (column := _first(scalars, names)) is not None
    }
    columns |= _steps(
        points, columns, facts.get("axis") or scalars.axis or layout.axis, facts, labels
    )
    columns.setdefault("seconds", points.seconds_T)
    values_TC, repeated = _in_order(_table(layout, points, columns), layout, labels)
    if layout.frame_lengths and is_atari_frames(str(facts.get("env", ""))):
        labels.append(record.FRAME_LENGTHS)
    if mean and is_atari(str(facts.get("env", ""))):
        labels += layout.atari
    return Curve(
        thin(values_TC, max_rows),
        repeated=repeated,
        config=dict(scalars.config),
        results=len(values_TC),
        source_of_mean=layout.mean_name(scalars.series) if layout.rllib else "",
        mean_of="" if layout.episodes or layout.rllib else layout.mean_of,
        algorithm=layout.library,
        labels=tuple(dict.fromkeys(labels)),
        notes=(*scalars.notes, *layout.notes),
        evaluations_EV=_evaluations(scalars, layout, evaluation),
    )


def layout_of(scalars: Scalars) -> Layout:
    """The library by its names of series."""
    for layout in LAYOUTS:
        if any(mark in scalars.series for mark in layout.marks):
            return layout
    return generic(scalars.series)


def _layout(scalars: Scalars, told: Mapping[str, str]) -> Layout:
    """The run's layout, with the names that ``about_runs.yaml`` tells instead of its own."""
    layout = layout_of(scalars)
    for column, name in told.items():
        if name not in scalars.series:
            near = difflib.get_close_matches(name, scalars.series, n=1)
            if not scalars.series:
                raise UnreadableError(_unknown(scalars))
            hint = f"did you mean {near[0]!r}?" if near else f"there are {listed(scalars.series)}"
            raise UnreadableError(
                f"about_runs.yaml: columns: {column}: no {name!r} with numbers; {hint}"
            )
    columns = {**layout.columns, **{column: (name,) for column, name in told.items()}}
    known = "return_mean" in told and not layout.library
    return replace(layout, columns=columns, labels=() if known else layout.labels)


def _without_returns(scalars: Scalars, layout: Layout) -> Curve:
    """The empty curve of a library that can leave out the returns; raises of an unknown one."""
    if not layout.missing:
        raise UnreadableError(_unknown(scalars))
    notes = (*scalars.notes, layout.missing)
    return replace(record.EMPTY, algorithm=layout.library, notes=notes)


def _unknown(scalars: Scalars) -> str:
    if not scalars.series:
        return "it has no numbers"
    return f"no name of a return is known among: {listed(scalars.series)}; {COLUMNS_KEY}"


def _first(scalars: Scalars, names: tuple[str, ...]) -> Points | None:
    found = (scalars.series[name] for name in names if name in scalars.series)
    return next((points for points in found if len(points.values_T)), None)


def _held(points: Points, at: Points) -> np.ndarray:
    """The last value at or before each step of another series; NaN before the first."""
    order = np.argsort(points.steps_T, kind="stable")
    steps_T, values_T = points.steps_T[order], points.values_T[order]
    index_T = np.searchsorted(steps_T, at.steps_T, side="right") - 1
    return np.where(index_T >= 0, values_T[np.maximum(index_T, 0)], np.nan)


def _steps(
    points: Points,
    columns: Mapping[str, np.ndarray],
    axis: str,
    facts: Mapping[str, Any],
    labels: list[str],
) -> dict[str, np.ndarray]:
    """Agent steps, and frames where they are known, at each point.

    Args:
        points: whose own steps count where no column has steps or frames.
        columns: of the layout, at each point.
        axis: unit of the points' own steps; adds a label where it cannot be turned.
        facts: ``copies`` and ``frame_skip`` turn units.
        labels: of the run.
    """
    if "steps" in columns:
        return {}
    axis_T, axis = (columns["frames"], "frames") if "frames" in columns else (points.steps_T, axis)
    if axis == "frames":
        if "frame_skip" not in facts:
            labels.append(record.UNKNOWN_STEPS)
        return {"steps": axis_T / facts.get("frame_skip", 1), "frames": axis_T}
    if axis == "vector steps":
        labels.append(record.UPPER_BOUND if "copies" in facts else record.COPIES)
        return {"steps": axis_T * facts.get("copies", 1)}
    if axis != "steps":
        labels.append(record.UNKNOWN_STEPS)
    return {"steps": axis_T}


def _in_order(values_TC: np.ndarray, layout: Layout, labels: list[str]) -> tuple[np.ndarray, int]:
    """Rows whose steps never decrease, and how many were left out as repeated after a restart.

    A table of one's own whose steps go back does not count them over the run: it gets a label.
    """
    steps_T = values_TC[:, COLUMNS.index("steps")]
    if not np.any(np.diff(steps_T) < 0):
        return values_TC, 0
    own = not layout.library and not layout.rllib
    if own or layout.episodes:
        labels.append(record.UNKNOWN_STEPS)
        return values_TC, 0
    kept_T = not_repeated(steps_T)
    return values_TC[kept_T], int((~kept_T).sum())


def _table(layout: Layout, mean: Points, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    if layout.episodes:
        lengths = columns.get("length_mean")
        table_TC = table_of_episodes(
            columns["steps"], mean.values_T, lengths, columns["seconds"], columns.get("frames")
        )
    else:
        table_TC = table_of(
            {"return_mean": mean.values_T, "window": layout.window}, len(mean.values_T)
        )
    for name, values_T in columns.items():
        column_T = table_TC[:, COLUMNS.index(name)]
        if np.isnan(column_T).all():
            table_TC[:, COLUMNS.index(name)] = values_T
    return table_TC


def _evaluations(scalars: Scalars, layout: Layout, points: Points | None) -> np.ndarray:
    """[E, V] evaluations, of an unknown number of episodes, at the run's steps where a series has them."""
    if points is None:
        return record.EMPTY.evaluations_EV
    steps = _first(scalars, layout.columns.get("steps", ()))
    steps_E = points.steps_T if steps is None else _held(steps, points)
    nan_E = np.full(len(steps_E), np.nan)
    return np.stack([steps_E, points.values_T, nan_E, nan_E, nan_E], axis=1)
