"""Learning curves small enough to commit: one row per so many agent steps."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# Column → path of the number in a line of Tune's result.json.
COLUMNS = {
    "steps": ("env_runners", "num_env_steps_sampled_lifetime"),
    "frames": ("env_runners", "num_frames_sampled_lifetime"),
    "seconds": ("time_total_s",),
    "episodes": ("env_runners", "num_episodes_lifetime"),
    "return_mean": ("env_runners", "episode_return_mean"),
    "return_min": ("env_runners", "episode_return_min"),
    "return_max": ("env_runners", "episode_return_max"),
    "window": ("env_runners", "episode_window_size"),
    "entropy": ("learners", "default_policy", "entropy"),
}

Row = dict[str, float | None]


def read_results(file: Path) -> Iterator[Row]:
    """One row per complete line of a ``result.json``; numbers a line lacks are None.

    A last line cut off by a crash is left out.
    """
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                result = json.loads(line)
            except json.JSONDecodeError:
                return
            yield {column: _at(result, path) for column, path in COLUMNS.items()}


def thinned(rows: Iterable[Row], every: int) -> list[Row]:
    """The first row at or beyond each multiple of ``every`` agent steps, and the last row.

    Args:
        rows: in the order they were written, each with ``steps``.
        every: agent steps, >= 1.

    Raises:
        ValueError: ``every`` below 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1 agent step, got {every}")
    kept: list[Row] = []
    due, last = 0, None
    for row in rows:
        steps = row["steps"]
        if steps is None:
            continue
        last = row
        if steps >= due:
            kept.append(row)
            due = (int(steps) // every + 1) * every
    if last is not None and kept[-1] is not last:
        kept.append(last)
    return kept


def write_curve(file: Path, rows: list[Row]) -> None:
    """Write rows as CSV, aside and then renamed; None becomes an empty field."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}")
    with draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)
    draft.replace(file)


def read_curve(file: Path) -> list[Row]:
    """What :func:`write_curve` wrote."""
    with file.open(newline="") as handle:
        return [
            {name: float(value) if value else None for name, value in row.items()}
            for row in csv.DictReader(handle)
        ]


def _at(result: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    node: Any = result
    for part in path:
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _short(value: float | None) -> float | str | None:
    """Five significant digits: a curve needs no more."""
    return f"{value:.5g}" if isinstance(value, float) and not value.is_integer() else value
