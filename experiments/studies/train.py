"""Training a study: runs that are missing are trained, runs that are done are kept; it can be interrupted.

Every run is `rllib train file` in a process of its own: it starts with a fresh Ray, torch and random
generators as a user's run does, a crash costs only that run, and its manifest names a command that can
be typed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from rllib_zoo.analysis.files.trials import MANIFEST, read_object
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.interrupts import (
    CommandInterrupt,
    raise_interrupt,
    restore_handlers,
    set_handlers,
)
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance.folder_lock import FolderLock, describe, this_owner
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
STUDY_LOCK = ".study.lock"
MOVE_AWAY = "move it away, or use another --storage and --results"


@dataclass
class Session:
    """One call of `rllib study run`.

    Attributes:
        storage: folder of the Tune experiments, ``<cell>-seed<N>`` each.
        results: folder of kept results, with a folder per study.
        notes: where progress is printed.
        trusted: whether to load checkpoints of other people or machines.
        failed: runs that are not done, printed at the end.
    """

    study: Study
    storage: Path
    results: Path
    notes: Console
    trusted: bool = False
    failed: list[str] = field(default_factory=list)

    def folder(self, cell: Cell, seed: int) -> Path:
        """Folder of one run's Tune experiment."""
        return self.storage / f"{cell.name}-seed{seed}"

    @property
    def trust(self) -> list[str]:
        """Options for loading checkpoints of other people."""
        return ["--trust-checkpoint"] if self.trusted else []


def run_study(session: Session, runs: Sequence[tuple[Cell, int]]) -> int:
    """Train those of the runs that are not done, one at a time.

    Returns:
        0 if all are done, 1 if one failed, 130 after an interruption.

    Raises:
        RequestError: the storage is not a folder, another session uses it or the study's results, or a
            run there was trained with other settings or has a damaged manifest.
    """
    try:
        session.storage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"is not a folder: {error.strerror}"
        raise RequestError(problem, file=session.storage, key="--storage") from None
    with _locked(session.storage) as lock:
        open_runs = _not_done(session, runs)
        kept = FolderLock(session.results / session.study.name)
        with _owned(kept) if open_runs else nullcontext():
            return _train_all(session, runs, open_runs, lock)


def _train_all(
    session: Session, runs: Sequence[tuple[Cell, int]], open_runs: set[tuple[str, int]], lock: int
) -> int:
    """Train, keep and play the open ones of the runs; the exit code."""
    if any(cell.quiet and (cell.name, seed) in open_runs for cell, seed in runs):
        session.notes.print("note: these runs measure speed; run nothing else on this machine")
    for number, (cell, seed) in enumerate(runs, 1):
        if (cell.name, seed) not in open_runs:
            continue
        done = _manifest(session.folder(cell, seed)).get("status") == DONE
        task = "already trained" if done else f"until {cell.budget}"
        session.notes.print(
            f"run {number} of {len(runs)}: {cell.name}, seed {seed}; {task}", markup=False
        )
        if _one(session, cell, seed, lock):
            session.notes.print("interrupted; run the same command to continue", markup=False)
            return INTERRUPTED
    summary = f"{len(runs) - len(session.failed)} of {len(runs)} runs are done"
    session.notes.print(f"{session.study.name}: {summary}", markup=False)
    for run in session.failed:
        session.notes.print(f"not done: {run}", markup=False)
    return 1 if session.failed else 0


def _not_done(session: Session, runs: Sequence[tuple[Cell, int]]) -> set[tuple[str, int]]:
    """Cell and seed of the runs that have to be trained, kept or played.

    Raises:
        RequestError: a run in the storage or the results was trained with other settings.
    """
    kept = {(run.cell.name, run.seed): run for run in runs_of(session.study, session.results)}
    open_runs = set()
    for cell, seed in runs:
        run, folder = kept.get((cell.name, seed)), session.folder(cell, seed)
        manifest = _manifest(folder)
        kept_file = session.results / session.study.name / cell.name / f"seed{seed}.json"
        for file, about in ((kept_file, run.about if run else {}), (folder, manifest)):
            if about and (text := difference(cell, about)):
                problem = f"was trained with other settings: {text}"
                raise RequestError(problem, file=file, hint=MOVE_AWAY)
        played = run is not None and run.greedy is not None
        to_play = cell.greedy_episodes and not played and _checkpoint(manifest) is not None
        if run is None or not run.done or to_play:
            open_runs.add((cell.name, seed))
    return open_runs


def _one(session: Session, cell: Cell, seed: int, lock: int) -> bool:
    """Train, keep and play one run, each only if it is not done yet; whether it was interrupted."""
    folder = session.folder(cell, seed)
    interrupted = False
    if _manifest(folder).get("status") != DONE:
        interrupted = _train(session, cell, seed, lock)
    manifest = _manifest(folder)
    if manifest:
        keep(folder, session.results / session.study.name / cell.name, cell.every)
    if interrupted:
        return True
    if (status := manifest.get("status", "refused")) != DONE:
        session.failed.append(f"{cell.name}, seed {seed}: {status}; {folder}")
        return False
    return _play(session, cell, seed, manifest, lock)


def _train(session: Session, cell: Cell, seed: int, lock: int) -> bool:
    """Start or continue a run; whether it was interrupted."""
    folder = session.folder(cell, seed)
    arguments = ["train", "file", cell.file, "--seeds", str(seed)]
    arguments += ["--experiment-name", folder.name, "--storage-path", str(session.storage)]
    arguments += ["--stop", json.dumps(cell.budget.stop)]
    for key, value in (cell.changes or {}).items():
        arguments += ["--set", f"{key}={json.dumps(value)}"]
    if folder.exists():
        arguments += ["--resume", *session.trust]
    return _rllib(arguments, lock)[1]


def _play(session: Session, cell: Cell, seed: int, manifest: dict[str, Any], lock: int) -> bool:
    """Play the last checkpoint greedily if the cell requires it; whether it was interrupted."""
    checkpoint = _checkpoint(manifest)
    scores = read_greedy(session.study, session.results).get(cell.name, {})
    if not cell.greedy_episodes or is_of(scores.get(str(seed)), manifest) or checkpoint is None:
        return False
    arguments = ["evaluate", checkpoint, "--episodes", str(cell.greedy_episodes), "--json"]
    out, interrupted = _rllib([*arguments, *session.trust], lock, capture=True)
    if interrupted:
        return True
    try:
        score = json.loads(out.splitlines()[-1])
    except (ValueError, IndexError):
        session.failed.append(f"{cell.name}, seed {seed}: cannot play its checkpoint {checkpoint}")
        return False
    kept = {key: score[key] for key in ("episodes", "mean", "half_width")}
    write_greedy(session.study, session.results, cell.name, seed, kept, manifest.get("started"))
    return False


def _rllib(arguments: list[str], lock: int, *, capture: bool = False) -> tuple[str, bool]:
    """Run the `rllib` command; its output if captured, and whether it was interrupted.

    The process has an operating-system session of its own and inherits the lock: Ctrl-C reaches it only
    once, and while it outlives a killed `rllib study run`, the storage stays locked.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *arguments],
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
        except CommandInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)


@contextmanager
def _locked(storage: Path) -> Iterator[int]:
    """Lock the storage for one session; yields the descriptor of the lock.

    Raises:
        RequestError: another session holds it.
    """
    descriptor = os.open(storage / STUDY_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        owner = describe(read_object(storage / STUDY_LOCK))
        raise RequestError(
            f"is in use by {owner}, or a run it started",
            file=storage,
            hint="wait until it has ended, or use another --storage",
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(this_owner()).encode(), 0)
    # SIGTERM and SIGHUP are handled like Ctrl-C, so that the run saves its state.
    before = set_handlers(raise_interrupt)
    try:
        yield descriptor
    finally:
        restore_handlers(before)
        os.close(descriptor)


@contextmanager
def _owned(lock: FolderLock) -> Iterator[None]:
    """Own the kept results of a study, which sessions with other storages may write too.

    Raises:
        RequestError: another session holds them, or they cannot be written.
    """
    try:
        lock.acquire()
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise RequestError(problem, file=lock.folder, key="--results") from None
    try:
        yield
    finally:
        lock.release()


def _manifest(folder: Path) -> dict[str, Any]:
    """A run's manifest; empty without one.

    Raises:
        RequestError: it is damaged, so that the run's settings are unknown.
    """
    file = folder / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RequestError(f"is damaged: {error}", file=file, hint=MOVE_AWAY) from None
    if not isinstance(manifest, dict):
        raise RequestError("is damaged: not a mapping", file=file, hint=MOVE_AWAY)
    return manifest


def _checkpoint(manifest: dict[str, Any]) -> str | None:
    """The last checkpoint of an experiment's only trial, if it still exists."""
    trials = manifest.get("trials") or []
    folder = trials[0].get("checkpoint") if trials else None
    return folder if folder and Path(folder).exists() else None
