"""Tables with named columns: of loggers whose names are known, TensorBoard's export, or anybody's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.record import UNREADABLE, Curve, Trial, UnreadableError
from rllib_zoo.analysis.readers.folder import Folder, head_of
from rllib_zoo.analysis.readers.series.facts import about
from rllib_zoo.analysis.readers.series.layouts import (
    COLUMNS_KEY,
    KEYS,
    LAYOUTS,
    NAMES,
    OF_STEP,
    SPINNING_UP,
    listed,
    named,
    plain,
)
from rllib_zoo.analysis.readers.series.runs import curve_of_run
from rllib_zoo.analysis.readers.series.scalars import Points, Scalars, layout_of
from rllib_zoo.analysis.readers.tables import Table, names_in, number, read_table

ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl")
# Names that loggers give to the one table of a run: the run is the folder.
LOGS = re.compile(r"(progress|log|metrics|results?)\.(csv|tsv|txt|jsonl?)")
# The same with a prefix, as of copies.
COPIES = re.compile(rf"(.*[-_.])?{LOGS.pattern}")
# Of Spinning Up, beside its table.
SETTINGS = "config.json"
EXPORT = {"wall_time", "step", "value"}
# Names of returns that tables of other kinds have, too.
ANYTHING = {*OF_STEP, "return", "returns", "score", "average_return", "mean_return", "avg_return"}
# A series of names, as in a file's name: characters that cannot stand there are "_".
_UNNAMED = re.compile(r"[^A-Za-z0-9]+")
Key = tuple[str, ...]


def find_tables(folder: Folder) -> Iterator[Trial]:
    """The runs of every table with a return among its columns, and tables that lack names."""
    for name in [name for name in folder.files if name.endswith(ENDINGS)]:
        names, path = names_in(folder.head(name)), folder.path / name
        if LOGS.fullmatch(name) and name.startswith("progress") and _is_empty(path):
            folder.take(name)
            yield Trial(path, folder.path.name, UNREADABLE, message=f"{name} is empty")
            continue
        kind = _kind_of(folder, name, names)
        if name.endswith(".json") and kind != "log":  # settings, or anything
            continue
        if not kind and not folder.forced and not (names == () and _is_numbers(folder, name)):
            continue
        folder.take(name)
        if kind == "log":
            one = path.parent if LOGS.fullmatch(name) else path
            yield Trial(one, one.parent.name, files=(path,))
        elif kind in ("export", "own"):
            try:
                keys = _parts(path, path.stat().st_mtime_ns) if kind == "own" else {(): ()}
            except UnreadableError as error:
                yield Trial(path, folder.path.name, UNREADABLE, message=f"{name}: {error}")
                continue
            one = path.parent if len(keys) == 1 and LOGS.fullmatch(name) else path
            for key in keys:
                yield Trial(one, one.parent.name, part=" ".join(key), files=(path,))
        else:
            message = "its first line has no names of columns" if not names else _unknown(names)
            yield Trial(path, folder.path.name, UNREADABLE, message=f"{name}: {message}")


def read_tables(trial: Trial, max_rows: int | None = None) -> Curve:
    """A run's curve, by the names of its columns."""
    (path,) = trial.files
    kind = _kind(names_in(head_of(path)))
    if kind == "log":
        return curve_of_run(trial.path, _logged(trial.path, path), max_rows)
    if kind == "export":
        return curve_of_run(path, _exported(path), max_rows)
    table, parts = _table(path, path.stat().st_mtime_ns), _parts(path, path.stat().st_mtime_ns)
    key = next(key for key in parts if " ".join(key) == trial.part)
    config = _config(table, parts[key][0]) if parts[key] else {}
    scalars = replace(table.scalars(parts[key]), config=config)
    return curve_of_run(trial.path, scalars, max_rows)


def _kind(names: Sequence[str]) -> str:
    """log: of a known logger; export: TensorBoard's; own: with a return and steps; unknown; "": no log."""
    if any(mark in names for layout in LAYOUTS for mark in layout.marks):
        return "log"
    if set(map(plain, names)) == EXPORT:
        return "export"
    columns = named(names, NAMES)
    if "return_mean" in columns and columns.keys() & {"steps", "frames", "episodes"}:
        return "own"
    of_episodes = any(plain(name) not in ANYTHING for name in columns.get("return_mean", ()))
    return "unknown" if of_episodes or ("steps" in columns and named(names, KEYS)) else ""


def _logged(run: Path, file: Path) -> Scalars:
    """The table of a known logger, with the settings that Spinning Up writes beside its own."""
    table = read_table(file)
    scalars, beside = table.scalars(), run / SETTINGS
    columns = layout_of(scalars).columns
    step = named(table.names, {"steps": NAMES["steps"]}).get("steps", ())
    if step and not any(name in scalars.series for name in columns.get("steps", ())):
        scalars = table.scalars(step=step[0])
    if layout_of(scalars) is not SPINNING_UP or not beside.is_file():
        return scalars
    try:
        config = json.loads(beside.read_text(encoding="utf-8"))
        if isinstance(config, dict):
            return replace(scalars, config=config)
        problem = "it has no names"
    except (OSError, ValueError) as error:
        problem = str(error)
    return replace(scalars, notes=(*scalars.notes, f"{SETTINGS} is not readable: {problem}"))


def _kind_of(folder: Folder, name: str, names: Sequence[str]) -> str:
    """As ``_kind``, with what the file's name and ``about_runs.yaml`` tell."""
    kind = _kind(names)
    if kind == "log" or name.endswith(".json"):
        return kind
    if not kind and _is_log(name, folder.head(name)):
        kind = "unknown"
    told = _names_told(folder.path / name)
    return "log" if told & set(names) or (told and kind == "unknown") else kind


def _names_told(path: Path) -> set[str]:
    """The name of the return that ``about_runs.yaml`` tells, else all; a wrong file is told by the reader."""
    try:
        told = about(path).get("columns", {})
    except UnreadableError:
        return set()
    return {told["return_mean"]} if "return_mean" in told else set(told.values())


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _is_log(name: str, head: bytes) -> bool:
    """Whether a file has the name of a logger's table and begins with names and numbers of columns."""
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip()][:2]
    if not COPIES.fullmatch(name) or name.endswith(".json") or len(lines) < 2:
        return False
    names, cells = (re.split("[,\t;]", line) for line in lines)
    numbers = sum(not np.isnan(number(cell)) for cell in cells)
    return len(names) > 1 and numbers * 2 >= len(cells)


def _is_numbers(folder: Folder, name: str) -> bool:
    """Whether a file begins with a line of numbers, as a table whose names are missing."""
    lines = folder.head(name).decode("utf-8", "replace").splitlines()[:1]
    cells = lines[0].split(",") if lines else []
    return name.endswith(".csv") and len(cells) > 1 and not any(np.isnan(number(c)) for c in cells)


def _unknown(names: Sequence[str]) -> str:
    missing = "steps, frames or episodes" if "return_mean" in named(names, NAMES) else "a return"
    return f"no name of {missing} is known among: {listed(names)}; {COLUMNS_KEY}"


@lru_cache(maxsize=4)
def _table(path: Path, modified: int) -> Table:
    return read_table(path)


@lru_cache(maxsize=4)
def _parts(path: Path, modified: int) -> Mapping[Key, Sequence[Mapping[str, str]]]:
    """The values of the columns that tell runs apart → their rows."""
    table = _table(path, modified)
    columns = [names[0] for names in named(table.names, KEYS).values()]
    parts: dict[Key, list[Mapping[str, str]]] = {}
    for row in table.rows:
        parts.setdefault(tuple(row[name] for name in columns), []).append(row)
    return parts or {(): []}


def _config(table: Table, row: Mapping[str, str]) -> dict[str, Any]:
    """What the columns tell of a run; of a numbered run without an algorithm not its number."""
    told: dict[str, Any] = {key: row[names[0]] for key, names in named(table.names, KEYS).items()}
    told.pop("run", None)
    if str(told.get("seed", "")).isdigit():
        told["seed"] = int(told["seed"])
    return {key: value for key, value in told.items() if value != ""}


def _exported(path: Path) -> Scalars:
    """TensorBoard's export of one series: its name is the end of the file's."""
    table = read_table(path)
    columns = {plain(name): name for name in table.names}
    points_T3 = np.array([
        [number(row[columns[name]]) for name in ("step", "value", "wall_time")] for row in table.rows
    ]).reshape(-1, 3)  # fmt: skip
    points_T3 = points_T3[~np.isnan(points_T3).any(axis=1)]
    points_T3[:, 2] -= points_T3[0, 2] if len(points_T3) else 0.0
    known = {n for layout in LAYOUTS for names in layout.columns.values() for n in names}
    known |= {name for layout in LAYOUTS for name in layout.evaluation}
    stem = _UNNAMED.sub("_", path.stem).lower()
    ends = [name for name in known if stem.endswith(_UNNAMED.sub("_", name).lower())]
    tag = max(ends, key=len, default=path.stem)
    return Scalars({tag: Points(*points_T3.T)}, notes=table.notes())
