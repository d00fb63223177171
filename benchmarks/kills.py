"""Kill trainings at random moments, resume them, and count what was lost: nothing, it should be.

`python -m benchmarks.kills --kills 20 --out results/faults/kills.json --page docs/reliability.md`
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from algorithms.sealing import SEAL
from analysis.marked import between
from analysis.writing import write_json
from benchmarks.measure import ROOT
from experiments.checkpoints import MODULE_FOLDER
from experiments.result_files import PROGRESS, REPEATED

TARGET, EVERY = 60, 5  # iterations in all, and between two checkpoints
_COMMON = {"num_envs_per_env_runner": 4, "seed": 1, "model": {"fcnet_hiddens": [16]}}
CONFIGS: dict[str, dict[str, Any]] = {
    "PPO": {"num_env_runners": 0, "train_batch_size": 256, "minibatch_size": 64, "num_epochs": 2},
    "A2C": {"num_env_runners": 0, "train_batch_size": 256},
    "A3C": {"num_env_runners": 2, "rollout_fragment_length": 16},
}
# Where a driver is killed; drawn for every kill.
MOMENTS = ("starting", "before a result", "training", "training", "saving", "saving")
PATIENCE_S = 600.0
ORPHANS_S = 120.0


@dataclass
class Run:
    """One training that is killed and resumed.

    Attributes:
        algorithm: a key of :data:`CONFIGS`.
        storage: folder of its own.
        kills: one row per kill.
        orphans: every process that Ray had when a driver was killed.
    """

    algorithm: str
    storage: Path
    kills: list[dict[str, Any]] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The experiment's."""
        return self.storage / self.algorithm.lower()

    def file(self, name: str) -> Path:
        """A file of the one trial; its folder comes late."""
        return next(iter(self.folder.glob(f"{self.algorithm}_*/{name}")), self.folder / "none")

    def start(self, resume: bool) -> subprocess.Popen[str]:
        """The command, as a user starts it."""
        config = self.storage / "config.yaml"
        entry = {
            "run": self.algorithm, "env": "CartPole-v1", "checkpoint_freq": EVERY,
            "stop": {"training_iteration": TARGET}, "config": _COMMON | CONFIGS[self.algorithm],
        }  # fmt: skip
        self.storage.mkdir(parents=True, exist_ok=True)
        config.write_text(yaml.safe_dump({self.algorithm.lower(): entry}))
        words = [sys.executable, "-m", "experiments.command", "train", "file", str(config)]
        words += ["--storage-path", str(self.storage), *(["--resume"] if resume else [])]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": "local"}
        return subprocess.Popen(
            words, cwd=ROOT, env=environment, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip


def killed(run: Run, draw: random.Random) -> bool:
    """Start or resume a run and kill its driver, nothing else; False: it was done before."""
    moment = draw.choice(MOMENTS)
    before, repeated = rows_in(run.file("result.json")), lines_in(run.file(REPEATED))
    process = run.start(resume=bool(run.kills))
    came = _moment(run, moment, before, draw)
    while process.poll() is None and not came():
        time.sleep(0.002)
    if process.poll() is not None:
        _require_done(process)
        return False
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    run.orphans += family
    run.kills.append(
        {
            "algorithm": run.algorithm,
            "moment": moment,
            "iterations_before": len(before),
            "iterations_at_kill": len(rows_in(run.file("result.json"))),
            # Of the kill before: only the resume takes rows back.
            "iterations_repeated": lines_in(run.file(REPEATED)) - repeated,
            "processes": len(family),
        }
    )
    return True


def _moment(run: Run, moment: str, before: list[Any], draw: random.Random) -> Callable[[], bool]:
    """Whether the moment to kill has come, to be asked again and again."""
    began = time.monotonic()
    manifest = run.folder / "manifest.json"
    changed = manifest.stat().st_mtime_ns if manifest.exists() else 0
    seals = {seal.parent for seal in run.folder.glob(f"*/checkpoint_*/{SEAL}")}
    share, more = draw.random(), draw.randint(1, 2 * EVERY)
    manifest_at: list[float] = []

    def came() -> bool:
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError(f"{run.folder} does not get on")
        if moment == "starting":
            return time.monotonic() - began > 12 * share
        if moment == "before a result":
            if manifest.exists() and manifest.stat().st_mtime_ns != changed and not manifest_at:
                manifest_at.append(time.monotonic())
            return bool(manifest_at) and time.monotonic() - manifest_at[0] > 3 * share
        if moment == "training":
            return _last(run) >= min(len(before) + more, TARGET)
        return any(
            folder not in seals and not (folder / SEAL).exists()
            for folder in run.folder.glob("*/checkpoint_*")
        )

    return came


def finished(run: Run) -> None:
    """Resume a run to its end."""
    repeated = lines_in(run.file(REPEATED))
    _require_done(run.start(resume=bool(run.kills)))
    if run.kills:
        run.kills.append({"iterations_repeated": lines_in(run.file(REPEATED)) - repeated})


def _require_done(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=PATIENCE_S)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {errors}")


def rows_in(file: Path) -> list[dict[str, Any]]:
    """Whole results in a file."""
    if not file.exists():
        return []
    lines = file.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def lines_in(file: Path) -> int:
    """How many lines a file has; 0 without it."""
    return len(file.read_bytes().splitlines()) if file.exists() else 0


def _last(run: Run) -> int:
    """The iteration of the last result, without reading them all."""
    return lines_in(run.file("result.json"))


def weights(run: Run) -> dict[str, np.ndarray]:
    """Of the last checkpoint, which this program's own run wrote."""
    newest = max(run.folder.glob("*/checkpoint_*"))
    with (newest / MODULE_FOLDER / "module_state.pkl").open("rb") as file:
        found: dict[str, np.ndarray] = pickle.load(file)
    return found


def verdict(run: Run, whole: Run | None) -> dict[str, Any]:
    """What the end of a run shows; ``whole`` is the same run, never killed."""
    rows = rows_in(run.file("result.json"))
    iterations = [row["training_iteration"] for row in rows]
    steps = [row["timesteps_total"] for row in rows]
    with run.file(PROGRESS).open(newline="") as file:
        in_table = [int(row["training_iteration"]) for row in csv.DictReader(file)]
    found = {
        "algorithm": run.algorithm,
        "kills": sum("moment" in kill for kill in run.kills),
        "reached_target": iterations[-1:] == [TARGET],
        "duplicate_iterations": len(iterations) - len(set(iterations)),
        "missing_iterations": TARGET - len(set(iterations)),
        "progress_agrees": in_table == iterations,
        "steps_rise": steps == sorted(set(steps)),
        "most_iterations_repeated": max(
            (kill["iterations_repeated"] for kill in run.kills), default=0
        ),
        "processes": len(run.orphans),
        # Ray ends them itself; the slowest ask for a sign of life once a minute.
        "processes_left": len(psutil.wait_procs(run.orphans, timeout=ORPHANS_S)[1]),
    }
    if whole is not None:
        mine, its = weights(run), weights(whole)
        found["weights_equal"] = mine.keys() == its.keys() and all(
            np.array_equal(mine[name], its[name]) for name in its
        )
    return found


def sentence(found: dict[str, Any]) -> str:
    """What the page on reliability says of a count."""
    runs, kills = found["runs"], len(found["kills"])
    ended = sum(run["reached_target"] for run in runs)
    exact = [run for run in runs if "weights_equal" in run]
    return (
        f"{kills} kills in {len(runs)} runs of {found['target']} iterations ({_list(runs)}): "
        f"{ended} reached the target, "
        f"at most {max(run['most_iterations_repeated'] for run in runs)} iterations were repeated at "
        f"a time with a checkpoint every {found['checkpoint_interval']}, "
        f"{sum(run['duplicate_iterations'] for run in runs)} iterations were duplicate and "
        f"{sum(run['missing_iterations'] for run in runs)} missing in the end, "
        f"{sum(run['weights_equal'] for run in exact)} of {len(exact)} runs with a local runner had "
        "the weights of a run never killed, and "
        f"{sum(run['processes_left'] for run in runs)} of {sum(run['processes'] for run in runs)} "
        "processes were left."
    )


def _list(runs: list[dict[str, Any]]) -> str:
    return ", ".join(f"{run['algorithm']} {run['kills']}" for run in runs)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--page", type=Path, help="Page with the marks of the section `kills`.")
    asked = parser.parse_args()
    draw, kills, verdicts = random.Random(asked.seed), [], []
    found = {"checkpoint_interval": EVERY, "target": TARGET, "seed": asked.seed}
    with tempfile.TemporaryDirectory() as storage:
        for number, name in enumerate(CONFIGS):
            run, whole = Run(name, Path(storage) / name), None
            share = (asked.kills - number - 1) // len(CONFIGS) + 1
            while len(run.kills) < share and killed(run, draw):
                print(time.strftime("%H:%M:%S"), run.kills[-1], flush=True)
            finished(run)
            if CONFIGS[name]["num_env_runners"] == 0:
                whole = Run(name, Path(storage) / f"{name}-whole")
                finished(whole)
            verdicts.append(verdict(run, whole))
            print(verdicts[-1], flush=True)
            kills += [kill for kill in run.kills if "moment" in kill]
            counted = {**found, "runs": verdicts, "kills": kills}
            write_json(asked.out, counted)
            if asked.page:
                page = between(asked.page.read_text(), "kills", sentence(counted))
                asked.page.write_text(page)


if __name__ == "__main__":
    main()
