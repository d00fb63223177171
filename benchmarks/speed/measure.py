"""Running one contender in a process of its own, while sampling the memory of its process tree."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from rllib_zoo.analysis.files.trials import MANIFEST
from rllib_zoo.benchmarks.peers.protocol import SEED
from rllib_zoo.benchmarks.speed.contenders import Contender
from rllib_zoo.experiments.paths import ROOT

SAMPLE_SECONDS = 0.5


class PeakMemory(threading.Thread):
    """Largest sum of proportional set sizes (PSS) over a process and its descendants, in MiB."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.mib = 0.0

    def run(self) -> None:
        """Sample until :meth:`finish`."""
        while not self._ended.wait(SAMPLE_SECONDS):
            self.mib = max(self.mib, sum(map(pss_mib, tree(self._pid))))

    def finish(self) -> float:
        """Stop sampling; the peak."""
        self._ended.set()
        self.join()
        return self.mib


def tree(root: int) -> list[psutil.Process]:
    """A process and its descendants; empty once it ended."""
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pss_mib(process: psutil.Process) -> float:
    """Proportional set size, MiB: pages shared by n processes count 1/n; 0 once it ended."""
    try:
        return process.memory_full_info().pss / 2**20
    except psutil.Error:
        return 0.0


def train_file(config: str | Path) -> list[str]:
    """The command `rllib train file` as a user starts it; options may be appended."""
    return [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "train", "file", str(config)]


def run_contender(
    contender: Contender, mode: str, round_number: int, steps: int, target: float
) -> dict[str, Any]:
    """One run as a row; a failure is a row with a status, never an exception.

    Args:
        mode: `speed`, `threshold`, `return` or `memory`.
        steps: measured environment steps, before the contender's `steps_factor`.
        target: mean return that threshold mode waits for, or steps after which return mode ends.
    """
    row: dict[str, Any] = {"name": contender.name, "mode": mode, "round": round_number}
    if contender.requires and importlib.util.find_spec(contender.requires) is None:
        error = "pip install -e .[bench]"
        return row | {"status": "not installed", "error": error, "seconds_of_process": 0.0}
    if contender.file is not None and not (ROOT / contender.file).is_file():
        error = f"{contender.file} does not exist"
        return row | {"status": "missing", "error": error, "seconds_of_process": 0.0}
    if mode == "memory" and contender.file is not None:
        return row | _command_for_memory(contender.file, steps)
    if mode == "threshold" and contender.file is not None:
        return row | _command_to_threshold(contender.file, target)
    worker = f"rllib_zoo.benchmarks.peers.{contender.module}"
    command = [sys.executable, "-m", worker, contender.variant, "--json"]
    command += ["--steps", str(round(steps * contender.steps_factor))]
    if mode == "threshold":
        command += ["--threshold", str(target), "--spawned-at", str(time.monotonic())]
    if mode == "return":
        # A different seed each round, none of those used for tuning or for published results.
        command += ["--return-at", str(round(target)), "--seed", str(SEED + round_number)]
    ended = _timed(command)
    try:
        row |= json.loads(ended.pop("stdout").strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        row |= {"status": "failed", "error": ended["last_line"]}
    return row | ended


def _command_to_threshold(config: str, threshold: float) -> dict[str, Any]:
    """`rllib train file`, timed until it has printed its summary."""
    ended, manifest = _run_command(config)
    trials = manifest.get("trials", [])
    if not trials or (trials[0]["episode_return_mean"] or 0.0) < threshold:
        return ended | {"status": "not reached", "error": ended["last_line"]}
    return ended | {
        "status": "ok",
        "steps": trials[0]["steps"],
        "steps_to_threshold": trials[0]["steps"],
        "training_seconds": trials[0]["seconds"],
        # Until the summary is printed; afterwards Ray shuts down.
        "seconds_from_process_start_to_threshold": ended["seconds_to_last_output"],
    }


def _command_for_memory(config: str, steps: int) -> dict[str, Any]:
    """`rllib train file` for `steps` steps: its peak memory as a row."""
    stop = f"{{timesteps_total: {steps}}}"
    ended, manifest = _run_command(config, "--stop", stop, "--seeds", str(SEED))
    status = manifest.get("status", "not started")
    if status != "done":
        return ended | {"status": "failed", "error": f"{status}: {ended['last_line']}"}
    return ended | {"status": "ok"}


def _run_command(config: str, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """How `rllib train file` ended, and its manifest; empty if it wrote none."""
    with tempfile.TemporaryDirectory() as storage:
        folder = ["--storage-path", storage, "--experiment-name", "timed"]
        ended = _timed([*train_file(config), *options, *folder])
        file = Path(storage) / "timed" / MANIFEST
        manifest = json.loads(file.read_text()) if file.exists() else {}
    ended.pop("stdout")
    return ended, manifest


def _timed(command: list[str]) -> dict[str, Any]:
    """Run, wait, and report seconds, peak memory and output."""
    # An exported thread count reaches every Ray worker and oversubscribes small machines.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONUNBUFFERED": "1"}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        memory = PeakMemory(process.pid)
        memory.start()
        assert process.stdout is not None
        output, last_output = [], started
        for line in process.stdout:
            output.append(line)
            last_output = time.monotonic()
        process.wait()
        seconds = time.monotonic() - started
        errors.seek(0)
        lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    return {
        "stdout": "".join(output),
        "seconds_to_last_output": last_output - started,
        "last_line": lines[-1] if lines else "",
        "seconds_of_process": seconds,
        "peak_pss_mib": memory.finish(),
    }
