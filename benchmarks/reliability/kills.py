"""Kill trainings at random moments, resume them, and count lost, repeated and missing iterations.

`python -m rllib_zoo.benchmarks.reliability.kills --kills 20 --out results/faults/kills.json --page
docs/reliability.md`
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
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from rllib_zoo.algorithms.base.checkpoints import CHECKSUMS
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.trials import MANIFEST, RESULT
from rllib_zoo.benchmarks.speed.measure import train_file
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.evaluation.checkpoints import MODULE_FOLDER
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.tune.loggers import PROGRESS, REPEATED

TARGET, EVERY = 60, 5  # iterations in all, and between two checkpoints
_COMMON = {"num_envs_per_env_runner": 4, "seed": 1, "model": {"fcnet_hiddens": [16]}}
CONFIGS: dict[str, dict[str, Any]] = {
    "PPO": {"num_env_runners": 0, "train_batch_size": 256, "minibatch_size": 64, "num_epochs": 2},
    "A2C": {"num_env_runners": 0, "train_batch_size": 256},
    "A3C": {"num_env_runners": 2, "rollout_fragment_length": 16},
}
PATIENCE_S = 600.0
# When a driver is killed; drawn for every kill.
MOMENTS = ("starting", "before a result", "training", "training", "saving", "saving")
ORPHANS_S = 120.0


@dataclass
class KilledRun:
    """A training by `rllib train file` that is killed and resumed.

    Attributes:
        algorithm: a key of :data:`CONFIGS`.
        storage: a folder for this run alone.
        kills: one row per kill, and one for the iterations that the last resume repeated.
        orphans: every process that Ray had when a driver was killed.
        target: iterations in all.
    """

    algorithm: str
    storage: Path
    kills: list[dict[str, Any]] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)
    target: int = TARGET

    @property
    def folder(self) -> Path:
        """The experiment's folder."""
        return self.storage / self.algorithm.lower()

    def file(self, name: str) -> Path:
        """A file of the only trial; a path that does not exist before the trial has a folder."""
        return next(iter(self.folder.glob(f"{self.algorithm}_*/{name}")), self.folder / "none")

    def start(self, resume: bool) -> subprocess.Popen[str]:
        """Start the command as a user does."""
        config = self.storage / "config.yaml"
        self.storage.mkdir(parents=True, exist_ok=True)
        config.write_text(yaml.safe_dump({self.algorithm.lower(): self.entry()}))
        command = [*train_file(config), "--storage-path", str(self.storage)]
        command += ["--resume"] if resume else []
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": "local"}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def entry(self) -> dict[str, Any]:
        """The experiment, as in a config file."""
        return {
            "run": self.algorithm, "env": "CartPole-v1", "checkpoint_freq": EVERY,
            "stop": {"training_iteration": self.target}, "config": _COMMON | CONFIGS[self.algorithm],
        }  # fmt: skip

    def finish(self, patience_s: float = PATIENCE_S) -> None:
        """Run or resume the training to its end."""
        repeated = self.repeated
        require_done(self.start(resume=bool(self.kills)), patience_s)
        if self.kills:
            self.kills.append({"iterations_repeated": self.repeated - repeated})

    @property
    def last_iteration(self) -> int:
        """Number of the last iteration, without parsing the results."""
        return _lines_in(self.file(RESULT))

    @property
    def repeated(self) -> int:
        """How many rows all resumes together removed, to repeat them."""
        return _lines_in(self.file(REPEATED))

    def results(self) -> list[dict[str, Any]]:
        """All results but a last line that is cut off."""
        file = self.file(RESULT)
        if not file.exists():
            return []
        lines = file.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def weights(self) -> dict[str, np.ndarray]:
        """Weights in the last checkpoint, which this program's own run wrote."""
        newest = max(self.folder.glob("*/checkpoint_*"))
        with (newest / MODULE_FOLDER / "module_state.pkl").open("rb") as file:
            weights: dict[str, np.ndarray] = pickle.load(file)
        return weights


def require_done(process: subprocess.Popen[str], patience_s: float = PATIENCE_S) -> None:
    """Wait for the end of a run.

    Raises:
        RuntimeError: it failed; the message has its error output.
        subprocess.TimeoutExpired: it did not end in time.
    """
    _, errors = process.communicate(timeout=patience_s)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {errors}")


def _lines_in(file: Path) -> int:
    """Number of lines of a file; 0 when it does not exist."""
    return len(file.read_bytes().splitlines()) if file.exists() else 0


def killed(run: KilledRun, draw: random.Random) -> bool:
    """Start or resume a run and kill only its driver; False when the run ended before the kill."""
    moment = draw.choice(MOMENTS)
    before, repeated = len(run.results()), run.repeated
    process = run.start(resume=bool(run.kills))
    is_due = _moment(run, moment, before, draw)
    while process.poll() is None and not is_due():
        time.sleep(0.002)
    if process.poll() is not None:
        require_done(process)
        return False
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    run.orphans += family
    run.kills.append(
        {
            "algorithm": run.algorithm,
            "moment": moment,
            "iterations_before": before,
            "iterations_at_kill": len(run.results()),
            # Caused by the previous kill: a resume removes the rows that it repeats.
            "iterations_repeated": run.repeated - repeated,
            "processes": len(family),
        }
    )
    return True


def _moment(run: KilledRun, moment: str, before: int, draw: random.Random) -> Callable[[], bool]:
    """A function that returns whether it is time to kill; called in a loop."""
    began = time.monotonic()
    manifest = run.folder / MANIFEST
    changed = manifest.stat().st_mtime_ns if manifest.exists() else 0
    saved = {file.parent for file in run.folder.glob(f"*/checkpoint_*/{CHECKSUMS}")}
    share, more = draw.random(), draw.randint(1, 2 * EVERY)
    manifest_at: list[float] = []

    def is_due() -> bool:
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError(f"{run.folder}: '{moment}' not reached in {PATIENCE_S:.0f} s")
        if moment == "starting":
            return time.monotonic() - began > 12 * share
        if moment == "before a result":
            if manifest.exists() and manifest.stat().st_mtime_ns != changed and not manifest_at:
                manifest_at.append(time.monotonic())
            return bool(manifest_at) and time.monotonic() - manifest_at[0] > 3 * share
        if moment == "training":
            return run.last_iteration >= min(before + more, run.target)
        return any(
            folder not in saved and not (folder / CHECKSUMS).exists()
            for folder in run.folder.glob("*/checkpoint_*")
        )

    return is_due


def verdict(run: KilledRun, whole: KilledRun | None) -> dict[str, Any]:
    """Counts from a finished run; `whole` is the same run without kills."""
    rows = run.results()
    iterations = [row["training_iteration"] for row in rows]
    steps = [row["timesteps_total"] for row in rows]
    with run.file(PROGRESS).open(newline="") as file:
        progress = [int(row["training_iteration"]) for row in csv.DictReader(file)]
    counts = {
        "algorithm": run.algorithm,
        "kills": sum("moment" in kill for kill in run.kills),
        "reached_target": iterations[-1:] == [run.target],
        "duplicate_iterations": len(iterations) - len(set(iterations)),
        "missing_iterations": run.target - len(set(iterations)),
        "progress_agrees": progress == iterations,
        "steps_rise": steps == sorted(set(steps)),
        "most_iterations_repeated": max(
            (kill["iterations_repeated"] for kill in run.kills), default=0
        ),
        "processes": len(run.orphans),
        # Ray ends them itself; the slowest check for the driver once a minute.
        "processes_left": len(psutil.wait_procs(run.orphans, timeout=ORPHANS_S)[1]),
    }
    if whole is not None:
        weights, expected = run.weights(), whole.weights()
        counts["weights_equal"] = weights.keys() == expected.keys() and all(
            np.array_equal(weights[name], expected[name]) for name in expected
        )
    return counts


def sentence(record: dict[str, Any]) -> str:
    """The sentence of docs/reliability.md."""
    runs, kills = record["runs"], len(record["kills"])
    ended = sum(run["reached_target"] for run in runs)
    exact = [run for run in runs if "weights_equal" in run]
    algorithms = ", ".join(f"{run['algorithm']} {run['kills']}" for run in runs)
    return (
        f"{kills} kills in {len(runs)} runs of {record['target']} iterations ({algorithms}): "
        f"{ended} reached the target, "
        f"at most {max(run['most_iterations_repeated'] for run in runs)} iterations were repeated at "
        f"a time with a checkpoint every {record['checkpoint_interval']}, "
        f"{sum(run['duplicate_iterations'] for run in runs)} iterations were duplicate and "
        f"{sum(run['missing_iterations'] for run in runs)} missing in the end, "
        f"{sum(run['weights_equal'] for run in exact)} of {len(exact)} runs with a local runner had "
        "the weights of a run never killed, and "
        f"{sum(run['processes_left'] for run in runs)} of {sum(run['processes'] for run in runs)} "
        "processes were left."
    )


def main() -> None:
    """Kill, resume, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="over all algorithms [20]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [0]")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--page", type=Path, help="page whose section `kills` is filled")
    options = parser.parse_args()
    draw, kills, verdicts = random.Random(options.seed), [], []
    settings = {"checkpoint_interval": EVERY, "target": TARGET, "seed": options.seed}
    with tempfile.TemporaryDirectory() as storage:
        for number, name in enumerate(CONFIGS):
            run, whole = KilledRun(name, Path(storage) / name), None
            share = (options.kills - number - 1) // len(CONFIGS) + 1
            while len(run.kills) < share and killed(run, draw):
                print(time.strftime("%H:%M:%S"), run.kills[-1], flush=True)
            run.finish()
            if CONFIGS[name]["num_env_runners"] == 0:
                whole = KilledRun(name, Path(storage) / f"{name}-whole")
                whole.finish()
            verdicts.append(verdict(run, whole))
            print(verdicts[-1], flush=True)
            kills += [kill for kill in run.kills if "moment" in kill]
            record = {**settings, "runs": verdicts, "kills": kills}
            write_json(options.out, record)
            if options.page:
                fill(options.page, "kills", sentence(record))


if __name__ == "__main__":
    main()
