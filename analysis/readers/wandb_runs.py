"""Offline runs of Weights & Biases: ``run-<id>.wandb``, protobuf records in LevelDB's log format.

The file begins with 7 bytes. Then come blocks of 32 KiB of parts of records: checksum (4 bytes), length
(2), kind (1: whole, 2: first, 3: middle, 4: last part), content; a block ends with zeros where no part fits.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.record import Curve, Trial, UnreadableError
from rllib_zoo.analysis.readers.folder import Folder
from rllib_zoo.analysis.readers.series.runs import curve_of_run
from rllib_zoo.analysis.readers.series.scalars import Points, Scalars

SIGNATURE = b":W&B"
_HEADER, _BLOCK = 7, 32_768
_PART = struct.Struct("<IHB")
_WHOLE, _FIRST, _LAST = 1, 2, 4
# Of event files that W&B reads along: their own step.
_EVENT_STEP = "global_step"


def find_wandb(folder: Folder) -> Iterator[Trial]:
    """A run of every file of W&B; the folders beside it hold its last values again."""
    for name in [name for name in folder.files if folder.head(name).startswith(SIGNATURE)]:
        folder.take(name, "files", "logs")
        yield Trial(folder.path / name, folder.path.name)


def read_wandb(trial: Trial, max_rows: int | None = None) -> Curve:
    """The run's curve, by the names of its values.

    Raises:
        UnreadableError: the package ``wandb`` is missing, or no value is known to be a return.
    """
    run, status = "", "interrupted"
    config: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    try:
        for record in _records(trial.path.read_bytes()):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run = record.run.display_name or record.run.run_group or record.run.project
                config |= _settings(record.run.config)
            elif kind == "config":
                config |= _settings(record.config)
            elif kind == "history":
                rows.append({_name(item): _value(item) for item in record.history.item})
            elif kind == "exit":
                status = "failed" if record.exit.exit_code else "done"
    except (EOFError, json.JSONDecodeError) as error:
        notes.append(f"{trial.path.name} is cut off or damaged: read up to there ({error})")
    config.pop("_wandb", None)
    scalars = replace(_scalars(rows), config=config, notes=tuple(notes))
    return replace(
        curve_of_run(trial.path.parent / (run or "run"), scalars, max_rows), status=status
    )


def _records(content: bytes) -> Iterator[Any]:
    try:
        from wandb.proto import wandb_internal_pb2
    except ImportError:
        raise UnreadableError("needs the package wandb: pip install 'rllib-zoo[peers]'") from None
    from google.protobuf.message import DecodeError

    for record in _joined(content):
        try:
            yield wandb_internal_pb2.Record.FromString(record)
        except DecodeError:
            raise EOFError("a record is none") from None


def _joined(content: bytes) -> Iterator[bytes]:
    """The records; raises EOFError where one is cut off."""
    at, parts = _HEADER, b""
    while at < len(content):
        if _BLOCK - at % _BLOCK < _PART.size:
            at += _BLOCK - at % _BLOCK
            continue
        if at + _PART.size > len(content):
            raise EOFError("within a record")
        _, length, kind = _PART.unpack_from(content, at)
        at += _PART.size
        if at + length > len(content) or not _WHOLE <= kind <= _LAST:
            raise EOFError("within a record")
        part = content[at : at + length]
        at += length
        parts = part if kind in (_WHOLE, _FIRST) else parts + part
        if kind in (_WHOLE, _LAST):
            yield parts


def _settings(config: Any) -> dict[str, Any]:
    return {_name(item): json.loads(item.value_json) for item in config.update}


def _name(item: Any) -> str:
    return item.key or "/".join(item.nested_key)


def _value(item: Any) -> Any:
    """A value of a row; older releases write JSON, newer ones a field for every type."""
    if item.value_json:
        return json.loads(item.value_json)
    for field in ("number", "integer", "boolean"):
        if field in item.DESCRIPTOR.fields_by_name and getattr(item, field):
            return getattr(item, field)
    return item.text if getattr(item, "text", "") else 0.0


def _scalars(rows: list[dict[str, Any]]) -> Scalars:
    """Rows as series, on the step of event files where W&B has read them, else on the number of its calls."""
    of_events = bool(rows) and all(_EVENT_STEP in row for row in rows)
    columns: dict[str, list[tuple[float, float, float]]] = {}
    for number, row in enumerate(rows):
        step = float(row.get(_EVENT_STEP if of_events else "_step", number))
        seconds = float(row.get("_runtime", math.nan))
        for name, value in row.items():
            if isinstance(value, int | float) and math.isfinite(value):
                columns.setdefault(name, []).append((step, float(value), seconds))
    series = {name: Points(*np.array(points).T) for name, points in columns.items()}
    return Scalars(series, axis="" if of_events else "unknown")
