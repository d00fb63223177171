"""`rllib list`: the experiments in a folder of results, without importing Ray."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.object_storage import was_uri
from rllib_zoo.analysis.files.result_json import parse_result
from rllib_zoo.analysis.files.trials import MANIFEST, RESULT, read_object
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.provenance.folder_lock import FolderLock

HEADINGS = ("name", "algorithm", "environment", "status", "trials", "score", "steps", "started")
NUMBERS = ("trials", "score", "steps")
# More than the longest line of results, whose configuration has some 14 kB.
TAIL_BYTES = 2**18


@dataclass(frozen=True)
class Run:
    """An experiment as its manifest and results describe it.

    Attributes:
        score: mean over trials, of a sweep those of its best configuration; None without a result.
        steps: of all trials.
        started: with time zone.
    """

    name: str
    algorithm: str
    env: str
    status: str
    trials: int
    score: float | None
    steps: int
    started: datetime.datetime

    def row(self) -> tuple[str, ...]:
        """The cells of a table with :data:`HEADINGS`."""
        score = "–" if self.score is None else f"{self.score:,.1f}"
        started = f"{self.started.astimezone():%Y-%m-%d %H:%M}"
        row = (self.name, self.algorithm, self.env, self.status, self.trials, score)
        return (*map(str, row), f"{self.steps:,}", started)


def runs(folder: Path) -> list[Run]:
    """The experiments in a folder, the newest first; folders without a manifest are left out.

    Raises:
        RequestError: the folder does not exist, or is a URL.
    """
    if was_uri(folder):
        raise RequestError("is a URL; only local folders are listed", key="FOLDER")
    if not folder.is_dir():
        raise RequestError("does not exist", file=folder)
    manifests = ((file.parent, read_object(file)) for file in folder.glob(f"*/{MANIFEST}"))
    found = [_run(place, manifest) for place, manifest in manifests if manifest.get("started")]
    return sorted(found, key=lambda run: run.started, reverse=True)


def lines(listed: Sequence[Run]) -> list[str]:
    """A table as lines of text, as wide as its content: a terminal's width would cut names."""
    rows = [HEADINGS, *(run.row() for run in listed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
            for heading, cell, width in zip(HEADINGS, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _run(folder: Path, manifest: Mapping[str, Any]) -> Run:
    rows = list(manifest.get("trials") or _running_trials(folder))
    ranks = manifest.get("ranking")
    first = [row for row in rows if not ranks or row.get("trial") in ranks[0]["trials"]]
    scores = [row["score"] for row in first if row.get("score") is not None]
    status = str(manifest.get("status"))
    if status == "running" and FolderLock(folder).holder() is None:
        status = "killed"
    return Run(
        name=folder.name,
        algorithm=str(manifest.get("algorithm")),
        env=str(manifest.get("env")),
        status=status,
        trials=len(rows),
        score=sum(scores) / len(scores) if scores else None,
        steps=sum(int(row.get("steps") or 0) for row in rows),
        started=datetime.datetime.fromisoformat(manifest["started"]),
    )


def _running_trials(folder: Path) -> Iterator[dict[str, Any]]:
    """Score and steps of trials that have not ended, from the last of their results."""
    for file in folder.glob(f"*/{RESULT}"):
        if not file.parent.name.startswith("."):
            result = _last_result(file)
            score = (result.get("env_runners") or {}).get("episode_return_mean")
            yield {"score": score, "steps": result.get("num_env_steps_sampled_lifetime")}


def _last_result(file: Path) -> dict[str, Any]:
    """The last complete result of a ``result.json``; empty without one."""
    with file.open("rb") as handle:
        handle.seek(0, 2)
        handle.seek(max(handle.tell() - TAIL_BYTES, 0))
        lines = handle.read().splitlines()
    return next(filter(None, map(parse_result, reversed(lines))), {})
