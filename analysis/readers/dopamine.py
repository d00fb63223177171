"""Dopamine's published results: a JSON list of iterations of all agents and runs of one Atari game."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.record import UNREADABLE, Curve, Trial, table_of, thin
from rllib_zoo.analysis.readers.folder import Folder

# Training steps of an iteration, each of so many frames.
ITERATION, FRAME_SKIP = 250_000, 4
KEYS = ("Iteration", "Value", "Agent")


def find_dopamine(folder: Folder) -> Iterator[Trial]:
    """A run for each agent and each time that an iteration occurs."""
    for name in list(folder.files):
        head = folder.head(name)
        if not head.lstrip().startswith(b"[") or not all(
            f'"{key}"'.encode() in head for key in KEYS
        ):
            continue
        folder.take(name)
        path = folder.path / name
        try:
            runs = _runs(path, path.stat().st_mtime_ns)
        except (ValueError, TypeError, KeyError) as error:
            yield Trial(path, folder.path.name, UNREADABLE, message=f"{name} is cut off: {error}")
            continue
        for agent, number in runs:
            part = f"{agent} {number}"
            yield Trial(
                path, folder.path.name, "done", f"Dopamine {agent}", _config(path), part=part
            )


def read_dopamine(trial: Trial, max_rows: int | None = None) -> Curve:
    """A run's mean returns of the training episodes of each iteration; raw, of whole games."""
    agent, _, number = trial.part.rpartition(" ")
    rows = _runs(trial.path, trial.path.stat().st_mtime_ns)[agent, int(number)]
    iterations_T, returns_T = np.array(rows, np.float64).T
    steps_T = (iterations_T + 1) * ITERATION
    table_TC = table_of(
        {
            "steps": steps_T,
            "frames": steps_T * FRAME_SKIP,
            "iterations": iterations_T + 1,
            "return_mean": returns_T,
        },
        len(steps_T),
    )
    return Curve(
        thin(table_TC, max_rows),
        results=len(table_TC),
        mean_of="training episodes of one iteration",
        notes=("environment from the file's name",),
    )


@lru_cache(maxsize=4)
def _runs(path: Path, modified: int) -> Mapping[tuple[str, int], Sequence[tuple[float, float]]]:
    """(agent, run) → its iterations and values: the n-th value of an iteration is of the n-th run."""
    counts: dict[tuple[str, float], int] = {}
    runs: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for row in json.loads(path.read_text(encoding="utf-8")):
        agent, iteration, value = str(row["Agent"]), float(row["Iteration"]), float(row["Value"])
        number = counts.get((agent, iteration), 0)
        counts[agent, iteration] = number + 1
        runs.setdefault((agent, number), []).append((iteration, value))
    return runs


def _config(path: Path) -> dict[str, Any]:
    """The game by the file's name, as ``pong.json`` or ``pong_Impala.json``: its network after "_"."""
    name, _, network = path.stem.partition("_")
    return {"env": f"ALE/{_game(name)}-v5"} | ({"network": network} if network else {})


def _game(name: str) -> str:
    """``airraid`` as gymnasium has it: AirRaid."""
    from ale_py.roms import get_all_rom_ids

    for rom in get_all_rom_ids():
        if rom.replace("_", "") == name:
            return re.sub(r"(?:^|_)(.)", lambda match: match[1].upper(), rom)
    return name.capitalize()
