"""TensorBoard event files: all points of a run, also where it was resumed in one folder.

Read with the protobuf messages of tensorboardX; the frames around them are a length (8 bytes), its checksum
(4), the message, and its checksum (4). TensorBoard's own reader computes the checksums in Python, which takes
five times as long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.tensorboardx import without_torch
from rllib_zoo.analysis.readers.series.scalars import Points

SIGNATURE = b"brain.Event:"
_START = 1  # SessionLog.START
_FRAME = struct.Struct("<Q4x")
_HPARAMS = "_hparams_/session_start_info"
_TEXT = "/text_summary"


@dataclass
class Events:
    """The events of one run.

    Attributes:
        series: tag → steps, values and seconds since the start, in the order they were written.
        texts: tag → text.
        config: of the HParams plugin.
        replaced: points that a resumed run wrote anew.
        cut: names of files that end within a record, or are damaged.
    """

    series: dict[str, tuple[list[float], list[float], list[float]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    replaced: int = 0
    cut: list[str] = field(default_factory=list)

    def points(self) -> dict[str, Points]:
        """The series as arrays, without NaN."""
        series = {}
        for tag, columns in self.series.items():
            steps_T, values_T, seconds_T = (np.array(column, np.float64) for column in columns)
            kept_T = ~np.isnan(values_T)
            series[tag] = Points(steps_T[kept_T], values_T[kept_T], seconds_T[kept_T])
        return series


def is_events(name: str, head: bytes) -> bool:
    """Whether a file holds events, by how it begins; of an empty one by its name."""
    return SIGNATURE in head[:64] or (len(head) < 64 and "tfevents" in name)


def read_events(files: Sequence[Path]) -> Events:
    """The events of a run's files, in the order they were written.

    Where a later file begins a series anew, the earlier points from its first step on were repeated after
    a restart and do not count; the same is true of points that a writer has purged.
    """
    events = Events()
    first_wall = None
    for file in files:
        writer = _Writer(events)
        for event in _events_in(file, events.cut):
            writer.add(event, event.wall_time if first_wall is None else first_wall)
            first_wall = event.wall_time if first_wall is None else first_wall
    return events


class _Writer:
    """Adds the events of one file, which one writer wrote."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.begun: set[str] = set()
        self.start: float | None = None
        self.before: float | None = None

    def add(self, event: Any, first_wall: float) -> None:
        if self.start is None:
            self.start = event.wall_time
        kind = event.WhichOneof("what")
        if kind == "session_log" and event.session_log.status == _START:
            for tag in self.events.series:
                self._cut(tag, event.step)
        elif kind == "summary":
            for value in event.summary.value:
                number = _number(value)
                if number is None:
                    self._add_text(value)
                    continue
                if value.tag not in self.begun:
                    self.begun.add(value.tag)
                    self._begin(value.tag, event.step, first_wall)
                steps, values, seconds = self.events.series[value.tag]
                steps.append(event.step)
                values.append(number)
                seconds.append(event.wall_time - self.start + (self.before or 0.0))

    def _begin(self, tag: str, step: int, first_wall: float) -> None:
        """The first point of a series in this file; its clock goes on where the earlier file's ended."""
        self._cut(tag, step)
        seconds = self.events.series.setdefault(tag, ([], [], []))[2]
        if self.before is None and self.start is not None:
            self.before = seconds[-1] if seconds else self.start - first_wall

    def _cut(self, tag: str, step: int) -> None:
        columns = self.events.series.get(tag, ([], [], []))
        kept = [i for i, earlier in enumerate(columns[0]) if earlier < step]
        if len(kept) < len(columns[0]):
            self.events.replaced += len(columns[0]) - len(kept)
            for numbers in columns:
                numbers[:] = [numbers[i] for i in kept]

    def _add_text(self, value: Any) -> None:
        if value.tag == _HPARAMS:
            self.events.config |= _hparams(value.metadata.plugin_data.content)
        elif value.tensor.string_val:
            text = value.tensor.string_val[0].decode("utf-8", "replace")
            self.events.texts[value.tag.removesuffix(_TEXT)] = text


def _events_in(file: Path, cut: list[str]) -> Iterator[Any]:
    from google.protobuf.message import DecodeError

    with without_torch():
        from tensorboardX.proto.event_pb2 import Event

    content = file.read_bytes()
    at = 0
    while at + _FRAME.size <= len(content):
        (length,) = _FRAME.unpack_from(content, at)
        begin, at = at + _FRAME.size, at + _FRAME.size + length + 4
        if at > len(content):
            break
        try:
            yield Event.FromString(content[begin : begin + length])
        except DecodeError:
            break
    if at != len(content):
        cut.append(file.name)


def _number(value: Any) -> float | None:
    """A scalar, also one that TensorFlow 2 wrote as a tensor; None of anything else."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or value.tensor.tensor_shape.dim:
        return None
    if value.tensor.float_val or value.tensor.double_val:
        return float((value.tensor.float_val or value.tensor.double_val)[0])
    size = len(value.tensor.tensor_content)
    return {4: _unpack("<f", value), 8: _unpack("<d", value)}.get(size)


def _unpack(code: str, value: Any) -> float | None:
    content = value.tensor.tensor_content
    return float(struct.unpack(code, content)[0]) if struct.calcsize(code) == len(content) else None


def _hparams(content: bytes) -> dict[str, Any]:
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    try:
        values = HParamsPluginData.FromString(content).session_start_info.hparams
    except DecodeError:
        return {}
    kinds = {name: value.WhichOneof("kind") for name, value in values.items()}
    return {name: getattr(values[name], kind) for name, kind in kinds.items() if kind}
