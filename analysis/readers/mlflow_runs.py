"""MLflow's store in one SQLite file: a run for each of its runs that is not deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

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
_RUNS = """
    SELECT runs.run_uuid, runs.name, runs.status, experiments.name FROM runs
    LEFT JOIN experiments ON experiments.experiment_id = runs.experiment_id
    WHERE runs.lifecycle_stage = 'active' ORDER BY runs.start_time, runs.run_uuid
"""
_METRICS = """
    SELECT key, step, value, timestamp, (SELECT start_time FROM runs WHERE run_uuid = :run) FROM metrics
    WHERE run_uuid = :run AND NOT is_nan ORDER BY key, step, timestamp
"""
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = :run"


def find_mlflow(folder: Folder) -> Iterator[Trial]:
    """The runs in every SQLite file that has MLflow's tables."""
    for name in [name for name in folder.files if folder.head(name).startswith(SIGNATURE)]:
        path = folder.path / name
        try:
            tables = {table for (table,) in _query(path, "SELECT name FROM sqlite_master")}
            if not {"runs", "metrics", "params", "experiments"} <= tables:
                continue
            rows = _query(path, _RUNS)
        except UnreadableError as error:
            rows = []
            yield Trial(path, folder.path.name, UNREADABLE, message=str(error))
        folder.take(name)
        for uuid, run, state, experiment in rows:
            status = STATES.get(str(state), "unknown")
            yield Trial(path, str(experiment), status, part=f"{run or 'run'} {uuid}")


def read_mlflow(trial: Trial, max_rows: int | None = None) -> Curve:
    """A run's curve, by the names of its metrics."""
    name, _, uuid = trial.part.rpartition(" ")
    columns: dict[str, list[tuple[float, float, float]]] = {}
    for key, step, value, time, start in _query(trial.path, _METRICS, uuid):
        seconds = (time - (start or time)) / 1000
        columns.setdefault(str(key), []).append((step, value, seconds))
    series = {key: Points(*np.array(points, np.float64).T) for key, points in columns.items()}
    config = {str(key): number_or_text(value) for key, value in _query(trial.path, _PARAMS, uuid)}
    scalars = Scalars(series, axis="unknown", config=config)
    return curve_of_run(trial.path.parent / trial.experiment / name, scalars, max_rows)


def _query(path: Path, query: str, run: str = "") -> list[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
            return store.execute(query, {"run": run} if ":run" in query else {}).fetchall()
    except sqlite3.Error as error:
        raise UnreadableError(f"{path.name}: {error}") from None
