"""Training a study: what is missing is run, what is done is kept, in any number of sittings.

Every run is the real `rllib train file` in a process of its own: it starts with a fresh Ray, torch and
generators as a user's would, a crash costs one run and not the sitting, and its manifest names a
command that can be typed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from rllib_zoo.analysis.files.trials import MANIFEST
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.studies.catalog import Cell, Study
from rllib_zoo.experiments.studies.keep import keep
from rllib_zoo.experiments.studies.runs import (
    DONE,
    difference,
    is_of,
    read_greedy,
    runs_of,
    write_greedy,
)

INTERRUPTED = 130
MOVE_AWAY = "move it away, or give another --storage and --results"


@dataclass
class Sitting:
    """One call of `rllib study run`.

    Attributes:
        study: what is trained.
        storage: folder of the Tune experiments, ``<cell>-seed<N>`` each.
        results: folder that what is kept goes below.
        notes: where progress is printed.
        trusted: go on with and play what others made, or was made elsewhere.
        failed: runs that did not get done, for the last line.
    """

    study: Study
    storage: Path
    results: Path
    notes: Console
    trusted: bool = False
    failed: list[str] = field(default_factory=list)

    def folder(self, cell: Cell, seed: int) -> Path:
        """Where one run's Tune experiment is."""
        return self.storage / f"{cell.name}-seed{seed}"

    @property
    def trust(self) -> list[str]:
        """What opening the checkpoints of others takes."""
        return ["--trust-checkpoint"] if self.trusted else []


def run_study(sitting: Sitting, runs: Sequence[tuple[Cell, int]]) -> int:
    """Train what is missing of the given runs, one at a time.

    Returns:
        0 where all are done, 1 where one failed, 130 after an interruption.

    Raises:
        RequestError: the storage is no folder, another sitting uses it, or a run there was trained
            otherwise or has a damaged manifest.
    """
    try:
        sitting.storage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"cannot be a folder: {error.strerror}", file=sitting.storage, key="--storage"
        ) from None
    with _locked(sitting.storage) as lock:
        open_runs = _not_done(sitting, runs)
        if any(cell.quiet and (cell.name, seed) in open_runs for cell, seed in runs):
            sitting.notes.print("note: speed is measured; leave this machine to these runs")
        for number, (cell, seed) in enumerate(runs, 1):
            if (cell.name, seed) not in open_runs:
                continue
            found = _manifest(sitting.folder(cell, seed)).get("status") == DONE
            words = "done before, is kept" if found else f"until {cell.budget}"
            sitting.notes.print(
                f"run {number} of {len(runs)}: {cell.name}, seed {seed}; {words}", markup=False
            )
            interrupted = _one(sitting, cell, seed, lock)
            if interrupted:
                sitting.notes.print("interrupted; the same command continues", markup=False)
                return INTERRUPTED
    done = len(runs) - len(sitting.failed)
    sitting.notes.print(f"{sitting.study.name}: {done} of {len(runs)} runs are done", markup=False)
    for run in sitting.failed:
        sitting.notes.print(f"not done: {run}", markup=False)
    return 1 if sitting.failed else 0


def _not_done(sitting: Sitting, runs: Sequence[tuple[Cell, int]]) -> set[tuple[str, int]]:
    """Cell and seed of the runs that something is left to do of.

    Raises:
        RequestError: the storage or the results hold one that was trained otherwise.
    """
    kept = {(run.cell.name, run.seed): run for run in runs_of(sitting.study, sitting.results)}
    left = set()
    for cell, seed in runs:
        known, manifest = kept.get((cell.name, seed)), _manifest(sitting.folder(cell, seed))
        where = sitting.results / sitting.study.name / cell.name / f"seed{seed}.json"
        for file, about in (
            (where, known.about if known else {}),
            (sitting.folder(cell, seed), manifest),
        ):
            if about and (words := difference(cell, about)):
                raise RequestError(
                    f"was trained otherwise: {words}",
                    file=file,
                    hint=MOVE_AWAY,
                )
        played = known is not None and known.greedy is not None
        to_play = cell.greedy_episodes and not played and _checkpoint(manifest) is not None
        if known is None or not known.done or to_play:
            left.add((cell.name, seed))
    return left


def _one(sitting: Sitting, cell: Cell, seed: int, lock: int) -> bool:
    """Train, keep and play one run as far as that is left; whether it was interrupted."""
    folder = sitting.folder(cell, seed)
    interrupted = False
    if _manifest(folder).get("status") != DONE:
        interrupted = _train(sitting, cell, seed, lock)
    manifest = _manifest(folder)
    if manifest:
        keep(folder, sitting.results / sitting.study.name / cell.name, cell.every)
    if interrupted:
        return True
    if manifest.get("status") != DONE:
        sitting.failed.append(
            f"{cell.name}, seed {seed}: {manifest.get('status', 'refused')}; {folder}"
        )
        return False
    return _play(sitting, cell, seed, manifest, lock)


def _train(sitting: Sitting, cell: Cell, seed: int, lock: int) -> bool:
    """Start a run or go on with it; whether it was interrupted."""
    folder = sitting.folder(cell, seed)
    words = ["train", "file", cell.file, "--seeds", str(seed), "--experiment-name", folder.name]
    words += ["--storage-path", str(sitting.storage), "--stop", json.dumps(cell.budget.stop)]
    for key, value in (cell.changes or {}).items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    if folder.exists():
        words += ["--resume", *sitting.trust]
    return _rllib(words, lock)[1]


def _play(sitting: Sitting, cell: Cell, seed: int, manifest: dict[str, Any], lock: int) -> bool:
    """Play the last checkpoint greedily where that is wanted; whether it was interrupted."""
    checkpoint = _checkpoint(manifest)
    known = read_greedy(sitting.study, sitting.results).get(cell.name, {})
    if not cell.greedy_episodes or is_of(known.get(str(seed)), manifest) or checkpoint is None:
        return False
    words = ["evaluate", checkpoint, "--episodes", str(cell.greedy_episodes), "--json"]
    words += sitting.trust
    out, interrupted = _rllib(words, lock, capture=True)
    if interrupted:
        return True
    try:
        score = json.loads(out.splitlines()[-1])
    except (ValueError, IndexError):
        sitting.failed.append(
            f"{cell.name}, seed {seed}: its checkpoint could not be played; {checkpoint}"
        )
        return False
    told = {key: score[key] for key in ("episodes", "mean", "half_width")}
    write_greedy(sitting.study, sitting.results, cell.name, seed, told, manifest.get("started"))
    return False


def _rllib(words: list[str], lock: int, *, capture: bool = False) -> tuple[str, bool]:
    """Run the real command; its output where captured, and whether it was interrupted.

    The process has a session of its own and inherits the lock: an interruption reaches it once, and
    a run that outlives a killed sitting keeps the next sitting away.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE if capture else None,
        text=True,
        start_new_session=True,
        pass_fds=(lock,),
    )
    interrupted = False
    while True:
        try:
            out, _ = process.communicate()
            return out or "", interrupted
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)


@contextmanager
def _locked(storage: Path) -> Iterator[int]:
    """Hold the storage for one sitting; the descriptor of the lock.

    Raises:
        RequestError: another sitting holds it.
    """
    descriptor = os.open(storage / ".study.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RequestError(
            "another `rllib study run` or a run it has left behind is at work here",
            file=storage,
            hint="wait for it, or give another --storage",
        ) from None
    # Asked to end, as by a shutdown: like Ctrl-C, so that the run is left in order.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield descriptor
    finally:
        signal.signal(signal.SIGTERM, before)
        os.close(descriptor)


def _manifest(folder: Path) -> dict[str, Any]:
    """A run's manifest; empty without one.

    Raises:
        RequestError: it is damaged: nothing tells then what the run was.
    """
    file = folder / MANIFEST
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RequestError(f"is damaged: {error}", file=file, hint=MOVE_AWAY) from None
    if not isinstance(found, dict):
        raise RequestError("is damaged: holds no mapping", file=file, hint=MOVE_AWAY)
    return found


def _checkpoint(manifest: dict[str, Any]) -> str | None:
    """The last checkpoint of an experiment's only trial, where it is still there."""
    trials = manifest.get("trials") or []
    found = trials[0].get("checkpoint") if trials else None
    return found if found and Path(found).exists() else None
