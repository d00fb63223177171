"""Tune's files of an experiment's state, the newest first by what is in them.

Tune writes ``experiment_state-<local time>.json`` and reads the one whose name comes last: after a change of
the time zone, or of the clock, that is an old one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

PATTERN = "experiment_state*.json"
# A trial's folder in an experiment state: its name, or its path on the machine that trained it.
FOLDER_KEYS = ("relative_logdir", "logdir", "_logdir", "local_path", "_local_path")


def newest_first(folder: Path) -> list[Path]:
    """An experiment's states; unreadable ones come last.

    Tune counts the rounds of its loop, over resumes too: this is no clock. Between equal counts, and in
    states without one, the start of the session decides (seconds since 1970, in every time zone), then
    the name.
    """
    return sorted(folder.glob(PATTERN), key=_order, reverse=True)


def _order(file: Path) -> tuple[float, float, str]:
    content = _content(file)
    return content.rounds, content.start, file.name


def state_of(trial: Path) -> dict[str, Any]:
    """The entry of a trial's folder in Tune's newest experiment state that has one; empty without one."""
    for file in newest_first(trial.parent):
        if (entry := trials_in(file).get(trial.name)) is not None:
            return entry
    return {}


def trials_in(file: Path) -> dict[str, dict[str, Any]]:
    """Folder name → trial of an experiment state.

    Its trials are pairs of JSON texts (from Ray 2.3), single ones (from 1.0), or objects (0.x).
    """
    return _content(file).trials


@dataclass(frozen=True)
class _Content:
    """Of an experiment state: its trials, rounds of Tune's loop, and the start of its session."""

    trials: dict[str, dict[str, Any]]
    rounds: float
    start: float


def _content(file: Path) -> _Content:
    return _read(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(file: Path, modified: int) -> _Content:
    """Cached until the time it was ``modified`` changes."""
    state = read_object(file)
    trials = {}
    for entries in (state.get("trial_data"), state.get("checkpoints")):
        for entry in entries if isinstance(entries, list) else ():
            if trial := _parsed(entry[0] if isinstance(entry, list) and entry else entry):
                folder = next((trial[key] for key in FOLDER_KEYS if trial.get(key)), None)
                trials[Path(str(folder)).name] = trial
    rounds, start = (
        _number(state.get(part), key)
        for part, key in (("runner_data", "_iteration"), ("stats", "start_time"))
    )
    return _Content(trials, rounds, start)


def _parsed(value: Any) -> dict[str, Any]:
    """An object, or the one in a JSON text; empty for anything else."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(values: Any, key: str) -> float:
    """A finite number in a mapping; 0 for anything else."""
    value = values.get(key) if isinstance(values, dict) else None
    return value if isinstance(value, int | float) and abs(value) < math.inf else 0.0


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if the file is missing, broken or holds something else."""
    try:
        # Reading a named pipe would block.
        value = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
