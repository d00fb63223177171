"""A training by the real command that is killed and resumed, and what it leaves."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from rllib_zoo.analysis.files.trials import RESULT
from rllib_zoo.benchmarks.speed.measure import train_file
from rllib_zoo.experiments.evaluation.checkpoints import MODULE_FOLDER
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.tune.loggers import REPEATED

TARGET, EVERY = 60, 5  # iterations in all, and between two checkpoints
_COMMON = {"num_envs_per_env_runner": 4, "seed": 1, "model": {"fcnet_hiddens": [16]}}
CONFIGS: dict[str, dict[str, Any]] = {
    "PPO": {"num_env_runners": 0, "train_batch_size": 256, "minibatch_size": 64, "num_epochs": 2},
    "A2C": {"num_env_runners": 0, "train_batch_size": 256},
    "A3C": {"num_env_runners": 2, "rollout_fragment_length": 16},
}
PATIENCE_S = 600.0


@dataclass
class KilledRun:
    """One training that is killed and resumed.

    Attributes:
        algorithm: a key of :data:`CONFIGS`.
        storage: folder of its own.
        kills: one row per kill, and one of what the last resume repeated.
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
        words = [*train_file(config), "--storage-path", str(self.storage)]
        words += ["--resume"] if resume else []
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": "local"}
        return subprocess.Popen(
            words, cwd=ROOT, env=environment, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self) -> None:
        """Start it, or resume it, to its end."""
        repeated = self.repeated
        require_done(self.start(resume=bool(self.kills)))
        if self.kills:
            self.kills.append({"iterations_repeated": self.repeated - repeated})

    @property
    def last_iteration(self) -> int:
        """Of the last result, without reading them all."""
        return _lines_in(self.file(RESULT))

    @property
    def repeated(self) -> int:
        """How many rows all resumes together took back."""
        return _lines_in(self.file(REPEATED))

    def results(self) -> list[dict[str, Any]]:
        """The whole results."""
        file = self.file(RESULT)
        if not file.exists():
            return []
        lines = file.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def weights(self) -> dict[str, np.ndarray]:
        """Of the last checkpoint, which this program's own run wrote."""
        newest = max(self.folder.glob("*/checkpoint_*"))
        with (newest / MODULE_FOLDER / "module_state.pkl").open("rb") as file:
            found: dict[str, np.ndarray] = pickle.load(file)
        return found


def require_done(process: subprocess.Popen[str]) -> None:
    """Wait for a run's end.

    Raises:
        RuntimeError: it failed; with what it said.
        subprocess.TimeoutExpired: it does not get on.
    """
    _, errors = process.communicate(timeout=PATIENCE_S)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {errors}")


def _lines_in(file: Path) -> int:
    """How many lines a file has; 0 without it."""
    return len(file.read_bytes().splitlines()) if file.exists() else 0
