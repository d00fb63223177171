"""MLflow's stores, one SQLite file or a folder such as ``mlruns``: their runs that are not deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rllib_zoo.analysis.files.columns import LARGEST
from rllib_zoo.analysis.files.record import UNREADABLE, Curve, Trial, UnreadableError
from rllib_zoo.analysis.files.text_values import number_or_text
from rllib_zoo.analysis.readers.folder import Folder
from rllib_zoo.analysis.readers.series.runs import curve_of_run
from rllib_zoo.analysis.readers.series.scalars import Points, Scalars

SIGNATURE = b"SQLite format 3\0"
STATES = {
    "FINISHED": "done", "FAILED": "failed", "KILLED": "interrupted", "RUNNING": "running",
    "SCHEDULED": "running",
}  # fmt: skip
# A folder store's files, and how it numbers the states.
META, METRICS, PARAMS = "meta.yaml", "metrics", "params"
NUMBERS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
# Keys are sorted: a run's file begins with this one, those of experiments and models with another.
_FIRST_KEY = b"artifact_uri:"
_RUNS = """
    SELECT runs.run_uuid, runs.name, runs.status, experiments.name FROM runs
    LEFT JOIN experiments ON experiments.experiment_id = runs.experiment_id
    WHERE runs.lifecycle_stage = 'active' ORDER BY runs.start_time, runs.run_uuid
"""
# In the order of time: a run that was resumed goes back in its steps.
_METRICS = """
    SELECT key, timestamp, value, step FROM metrics
    WHERE run_uuid = :run AND NOT is_nan ORDER BY key, timestamp, step
"""
_START = "SELECT start_time FROM runs WHERE run_uuid = :run"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = :run"
# Name of a metric, milliseconds since 1970, value, step.
Row = tuple[str, float, float, float]


def find_mlflow(folder: Folder) -> Iterator[Trial]:
    """The runs in every SQLite file that has MLflow's tables; the run whose folder in a store this is."""
    for name in [name for name in folder.files if folder.head(name).startswith(SIGNATURE)]:
        yield from _in_database(folder, name)
    if META in folder.files and _is_run(folder):
        folder.take(*folder.files, *folder.folders)
        yield from _in_store(folder.path)


def read_mlflow(trial: Trial, max_rows: int | None = None) -> Curve:
    """A run's curve, by the names of its metrics.

    Raises:
        UnreadableError: the store is damaged, or no metric is known to be a return.
    """
    name, _, uuid = trial.part.rpartition(" ")
    if trial.path.is_dir():
        name = trial.part
        place, start = trial.path, _meta(trial.path / META).get("start_time")
        rows, broken = _metrics_in(trial.path / METRICS)
        params: Iterable[tuple[str, str]] = _texts_in(trial.path / PARAMS)
    else:
        place, broken = trial.path.parent, 0
        rows, ((start,),) = _query(trial.path, _METRICS, uuid), _query(trial.path, _START, uuid)
        params = _query(trial.path, _PARAMS, uuid)
    scalars = Scalars(
        _series(rows, start),
        axis="unknown",
        config={str(key): number_or_text(value) for key, value in params},
        notes=(f"{broken} broken line(s)",) if broken else (),
    )
    # Names may hold "/".
    names = (text.replace("/", "_") for text in (trial.experiment, name))
    return curve_of_run(place.joinpath(*names), scalars, max_rows)


def _in_database(folder: Folder, name: str) -> Iterator[Trial]:
    path = folder.path / name
    try:
        tables = {table for (table,) in _query(path, "SELECT name FROM sqlite_master")}
        if not {"runs", "metrics", "params", "experiments"} <= tables:
            return
        rows = _query(path, _RUNS)
    except UnreadableError as error:
        rows = []
        yield Trial(path, folder.path.name, UNREADABLE, message=str(error))
    folder.take(name)
    for uuid, run, state, experiment in rows:
        status = STATES.get(str(state), "unknown")
        yield Trial(path, str(experiment), status, part=f"{run or 'run'} {uuid}")


def _query(path: Path, query: str, run: str = "") -> list[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
            return store.execute(query, {"run": run} if ":run" in query else {}).fetchall()
    except sqlite3.Error as error:
        raise UnreadableError(f"{path.name}: {error}") from None


def _is_run(folder: Folder) -> bool:
    """Whether a folder is a run of a store, by how its file begins; of an empty one by the folder below."""
    head = folder.head(META)
    return head.startswith(_FIRST_KEY) or (not head.strip() and METRICS in folder.folders)


def _in_store(path: Path) -> Iterator[Trial]:
    """The run in a folder ``<store>/<experiment's number>/<run's>``; its artifacts belong to it."""
    try:
        meta = _meta(path / META)
        above = path.parent / META
        experiment = str(_meta(above).get("name")) if above.is_file() else path.parent.name
    except UnreadableError as error:
        yield Trial(path, path.parent.name, UNREADABLE, message=str(error))
        return
    if meta.get("lifecycle_stage", "active") == "active":
        state = NUMBERS.get(meta.get("status", 1), "")
        name = str(meta.get("run_name") or "run")
        yield Trial(path, experiment, STATES.get(state, "unknown"), part=name)


def _meta(file: Path) -> Mapping[str, Any]:
    """What a store tells of a run or an experiment; it writes ``name`` or ``user_id`` last.

    Raises:
        UnreadableError: the file is cut off.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"{file.name}: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict) or not {"name", "user_id"} & content.keys():
        raise UnreadableError(f"{file.name} is cut off: neither a name nor a user in it")
    return content


def _metrics_in(folder: Path) -> tuple[list[Row], int]:
    """The rows of a run's metrics, in the order they were written, and how many lines are none.

    A line is a time, a value, a step, and in 3.x perhaps a data set; in a release before 1.0 without a step.
    """
    rows: list[Row] = []
    broken = 0
    for name, text in _texts_in(folder):
        lines = text.split("\n")
        fields = lines[0].count(" ")
        # Every line ends with a line break: what follows the last one was cut off.
        broken += lines.pop() != ""
        for line in lines:
            cells = [*line.split(" "), "0"]
            try:
                row = (name, float(cells[0]), float(cells[1]), float(cells[2]))
            except (ValueError, IndexError):
                broken += 1
                continue
            if (fields > 1) == (len(cells) > 3):
                rows.append(row)
            else:
                broken += 1
    return rows, broken


def _texts_in(folder: Path) -> list[tuple[str, str]]:
    """Names and contents of the files below; a name with "/" lies in folders."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [
        (file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8", errors="replace"))
        for file in files
    ]


def _series(rows: Iterable[Row], start: float | None) -> dict[str, Points]:
    """Name → points without NaN and infinities, which a database keeps as the largest number."""
    columns: dict[str, list[tuple[float, float, float]]] = {}
    for name, time, value, step in rows:
        if abs(value) < LARGEST:
            columns.setdefault(str(name), []).append((step, value, (time - (start or time)) / 1000))
    return {name: Points(*np.array(points, np.float64).T) for name, points in columns.items()}
