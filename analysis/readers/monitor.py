"""Monitor files of stable-baselines3 and the Baselines before it: a line per episode.

``#{"t_start": …, "env_id": …}``, then columns ``r`` (return), ``l`` (length) and ``t`` (seconds since
the start).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.files.record import Curve, UnreadableError, thin
from rllib_zoo.analysis.readers.series.episodes import table_of_episodes
from rllib_zoo.analysis.readers.series.facts import has_whole_rewards, is_atari_frames
from rllib_zoo.analysis.readers.series.layouts import SB3, Layout
from rllib_zoo.analysis.readers.tables import number

# Of stable-baselines3's Atari wrapper.
FRAME_SKIP = 4
# Seconds that copies may start after the last episode of another.
LATEST = 60.0


@dataclass(frozen=True)
class Monitor:
    """The episodes of one file.

    Attributes:
        env: its id; "" where it has none.
        shared: whether it may be of several copies in one file (VecMonitor).
        start: seconds since 1970.
        rows_EC: [E, 3] return, length, seconds since the start; a resumed run's clock goes on.
        resumed: how often the run was resumed.
        broken: lines that are no episode.
    """

    env: str
    shared: bool
    start: float
    rows_EC: np.ndarray
    resumed: int
    broken: int


def is_monitor(head: bytes) -> bool:
    """Whether a file is one of Monitor, by how it begins."""
    return head.startswith(b"#") and b"t_start" in head.partition(b"\n")[0]


def read_monitor(file: Path) -> Monitor:
    """One file; a run that was resumed adds lines whose clock begins at zero.

    Raises:
        UnreadableError: it does not begin as Monitor's files do.
    """
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        header = json.loads(lines[0].lstrip("#"))
        names = lines[1].split(",")
        columns = [names.index(name) for name in "rlt"]
        # An environment without an id is null in older releases, "None" in later ones, as VecMonitor's.
        env, start = header.get("env_id", "None"), float(header["t_start"])
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        raise UnreadableError(f"{file.name} has no header of Monitor") from None
    rows, broken = [], 0
    for line in lines[2:]:
        if line.startswith(("#", "r,l,t")):
            continue
        cells = next(csv.reader([line]))  # values of the info may hold commas
        row = [number(cells[i]) for i in columns] if len(cells) == len(names) else [np.nan]
        if np.isnan(row).any():
            broken += 1
        else:
            rows.append(row)
    rows_EC = np.array(rows, np.float64).reshape(-1, 3)
    falls_E = np.append(False, np.diff(rows_EC[:, 2]) < 0)[: len(rows_EC)]
    before_E = np.append(0.0, rows_EC[:-1, 2])[: len(rows_EC)]
    rows_EC[:, 2] += np.cumsum(np.where(falls_E, before_E, 0.0))
    name, shared = "" if env in (None, "None") else str(env), env == "None"
    return Monitor(name, shared, start, rows_EC, int(falls_E.sum()), broken)


def curve_of_monitors(
    monitors: Sequence[Monitor],
    env: str,
    max_rows: int | None = None,
    layout: Layout = SB3,
    frame_skip: int = FRAME_SKIP,
) -> Curve:
    """The curve of a run's files, one per copy of the environment ``env``; "" if unknown.

    Args:
        monitors: of the run.
        env: id of its environment.
        max_rows: as for ``read_run``.
        layout: of the library that wrote them, which tells whether lengths of Atari games are in frames.
        frame_skip: frames of an agent step in these games.

    Copies are stepped together, so that a run has made as many steps at the end of an episode as the copy
    it was played in, times the number of copies.

    Raises:
        UnreadableError: the files are of several environments, or were written one after the other.
    """
    _require_one_run(monitors)
    begin = min(monitor.start for monitor in monitors)
    parts = [
        np.column_stack([
            m.rows_EC[:, :2],
            m.rows_EC[:, 2] + m.start - begin,
            np.cumsum(m.rows_EC[:, 1]) * len(monitors),
        ])
        for m in monitors
    ]  # fmt: skip
    rows_EC = np.concatenate(parts)
    rows_EC = rows_EC[np.argsort(rows_EC[:, 2], kind="stable")]
    made_E = np.maximum.accumulate(rows_EC[:, 3])
    frames_E = made_E if layout.frame_lengths and is_atari_frames(env) else None
    steps_E = made_E if frames_E is None else frames_E / frame_skip
    table_TC = table_of_episodes(steps_E, rows_EC[:, 0], rows_EC[:, 1], rows_EC[:, 2], frames_E)
    resumed = max(monitor.resumed for monitor in monitors)
    return Curve(
        thin(table_TC, max_rows),
        broken=sum(monitor.broken for monitor in monitors),
        results=len(table_TC),
        algorithm=layout.library,
        labels=tuple(_labels(monitors, env, rows_EC[:, 0], layout)),
        notes=(f"resumed {resumed} times: its steps are of finished episodes",) if resumed else (),
    )


def _require_one_run(monitors: Sequence[Monitor]) -> None:
    if len({monitor.env for monitor in monitors}) > 1:
        raise UnreadableError("its Monitor files are of several environments: no copies of one run")
    ends = [m.start + m.rows_EC[-1, 2] for m in monitors if len(m.rows_EC)]
    if ends and max(monitor.start for monitor in monitors) > min(ends) + LATEST:
        raise UnreadableError(
            "its Monitor files were written one after the other: no copies of one run; "
            "give each a folder or a name of its own"
        )


def _labels(
    monitors: Sequence[Monitor], env: str, returns_E: np.ndarray, layout: Layout
) -> list[str]:
    labels = []
    if monitors[0].shared:
        labels.append(record.LOWER_BOUND)
    if is_atari_frames(env):
        # No-ops at the beginning of a game are frames of no step; a lost life begins with steps of no agent.
        labels += [record.FRAME_LENGTHS] if layout.frame_lengths else []
        labels.append(record.UPPER_BOUND)
    elif env.startswith("ALE/"):
        labels.append(record.UNKNOWN_STEPS)
    if has_whole_rewards(env) and np.any(returns_E % 1):
        labels.append(record.NORMALISED)
    return labels
