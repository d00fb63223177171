"""Kill every kind of process of a training, and check how the command ends and what a resume makes of it.

`python -m rllib_zoo.benchmarks.reliability.endings --kills 20 --out results/faults/endings.json --page
docs/reliability.md`
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import psutil

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.trials import MANIFEST, read_object
from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.benchmarks.reliability.kills import (
    CONFIGS,
    EVERY,
    ORPHANS_S,
    PATIENCE_S,
    KilledRun,
    verdict,
)
from rllib_zoo.benchmarks.speed.report import fill

ITERATIONS = 1500
# Target → exit code and status of the command; those of a runner's by Ctrl-C, after it was replaced.
EXPECTED = {
    "driver": (-signal.SIGKILL, "running"),
    "raylet": (1, "failed"),
    "gcs_server": (1, "failed"),
    "runner": (130, "interrupted"),
    "evaluation runner": (130, "interrupted"),
}
# Within which a command without its Ray has to end, see `ray_monitor`.
END_S = 60.0
REPLACE_S = 180.0
FINISH_S = 3600.0
COLUMNS = (
    "target", "kills", "ended as expected", "longest, s", f"processes left after {ORPHANS_S:.0f} s",
    "folders left", "most iterations repeated",
)  # fmt: skip


class RecordedCartPole(gym.Wrapper):
    """CartPole; every copy leaves its role and its process in a folder."""

    def __init__(self, folder: str, role: str):
        super().__init__(gym.make("CartPole-v1"))
        (Path(folder) / f"{role}-{os.getpid()}").touch()


@dataclass
class EndingRun(KilledRun):
    """A training with two runners and one for evaluation, whose processes are known."""

    target: int = ITERATIONS

    @property
    def roles(self) -> Path:
        """Where the environments' processes are recorded."""
        folder = self.storage / "roles"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def entry(self) -> dict[str, Any]:
        """The experiment, as in a config file."""
        entry = super().entry()

        def of_role(role: str) -> dict[str, str]:
            return {"folder": str(self.roles), "role": role}

        entry["env"] = f"{MODULE}.RecordedCartPole"
        entry["config"] |= {
            "num_env_runners": 2, "env_config": of_role("runner"), "evaluation_interval": EVERY,
            "evaluation_num_env_runners": 1, "evaluation_duration": 1,
            "evaluation_config": {"env_config": of_role("evaluation runner")},
            "min_time_s_per_iteration": 0.05, "num_cpus_per_env_runner": 0.1,
            "num_cpus_for_main_process": 0.1,
        }  # fmt: skip
        return entry

    def runners(self, role: str, family: list[psutil.Process]) -> list[psutil.Process]:
        """The living runners of a role, without the processes that only checked the environment."""
        pids = {int(file.name.rpartition("-")[2]) for file in self.roles.glob(f"{role}-*")}
        return [p for p in family if p.pid in pids and _is_runner(p)]


MODULE = "rllib_zoo.benchmarks.reliability.endings"


def _is_runner(process: psutil.Process) -> bool:
    try:
        title = process.cmdline()[0]
    except (psutil.Error, IndexError):
        return False
    return "EnvRunner" in title


def inflict(run: EndingRun, target: str, draw: random.Random) -> dict[str, Any]:
    """Start or resume a run, kill one process of it in training, and wait for the command's end."""
    started, repeated, due = (
        time.time(),
        run.repeated,
        run.last_iteration + draw.randint(1, 2 * EVERY),
    )
    process = run.start(resume=bool(run.kills))
    _wait(process, lambda: run.last_iteration >= due, PATIENCE_S)
    if "runner" in target:
        _wait(process, lambda: bool(run.runners(target, _family(process))), PATIENCE_S)
    family, at_kill, killed_at = _family(process), run.last_iteration, time.monotonic()
    _kill(process, run, target, family)
    replaced = None
    if "runner" in target:
        replaced = _is_replaced(process, run, target, family, at_kill)
        family += _family(process)
        killed_at = time.monotonic()
        process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        _, errors = process.communicate()
        errors += "\ndid not end"
    seconds = time.monotonic() - killed_at
    status = read_object(run.folder / MANIFEST).get("status")
    run.orphans += family
    left = psutil.wait_procs(family, timeout=ORPHANS_S)[1]
    row = {
        "algorithm": run.algorithm,
        "target": target,
        "iterations_at_kill": at_kill,
        # Caused by the previous kill: a resume removes the rows that it repeats.
        "iterations_repeated": run.repeated - repeated,
        "moment": "training",
        "exit_code": process.returncode,
        "status": status,
        "seconds": round(seconds, 1),
        "processes_left": len(left),
        # After SIGKILL the next command removes it.
        "folders_left": 0 if target == "driver" else len(folders_of(process.pid, started)),
    }
    if replaced is not None:
        row["replaced"] = replaced
    row["orderly"] = _is_orderly(row, errors)
    if not row["orderly"]:
        row["errors"] = errors[-2000:]
    run.kills.append(row)
    return row


def _family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _wait(process: subprocess.Popen[str], is_due: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition.

    Raises:
        RuntimeError: the process ended, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while not is_due():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"exit code {process.poll()}: {process.communicate()[1]}")
        time.sleep(0.05)


def _kill(
    process: subprocess.Popen[str], run: EndingRun, target: str, family: list[psutil.Process]
) -> None:
    if target == "driver":
        process.kill()
        return
    victims = run.runners(target, family) or [p for p in family if p.name() == target]
    victims[0].send_signal(signal.SIGKILL)


def _is_replaced(
    process: subprocess.Popen[str],
    run: EndingRun,
    role: str,
    before: list[psutil.Process],
    at_kill: int,
) -> bool:
    """Whether a new runner comes and training goes on, past an evaluation."""
    known = {p.pid for p in run.runners(role, before)} | {p.pid for p in before}

    def is_due() -> bool:
        new = {p.pid for p in run.runners(role, _family(process))} - known
        return bool(new) and run.last_iteration >= at_kill + EVERY + 1

    deadline = time.monotonic() + REPLACE_S
    while process.poll() is None and time.monotonic() < deadline:
        if is_due():
            return True
        time.sleep(0.1)
    return False


def folders_of(pid: int, since: float) -> list[Path]:
    """Ray's session folders of a driver; ``since``: its start, as numbers of processes return."""
    places = (Path("/tmp/ray"), *Path("/tmp").glob("rllib-*"))
    folders = [folder for place in places for folder in place.glob(f"session_*_{pid}")]
    return [folder for folder in folders if folder.stat().st_ctime >= since]


def _is_orderly(row: dict[str, Any], errors: str) -> bool:
    """Whether a command ended as documented, with the line that names the cause and the command."""
    target = row["target"]
    if (row["exit_code"], row["status"]) != EXPECTED[target] or "Traceback" in errors:
        return False
    if row["processes_left"] or row["folders_left"] or row.get("replaced") is False:
        return False
    if target not in ("raylet", "gcs_server"):
        return True
    lines = [line for line in errors.splitlines() if f"Ray's {target} process ended" in line]
    return len(lines) == 1 and lines[0].endswith("--resume")


def table(record: dict[str, Any]) -> str:
    """The text of docs/reliability.md."""
    rows = []
    for target in EXPECTED:
        kills = [kill for kill in record["kills"] if kill["target"] == target]
        if not kills:
            continue
        rows.append((
            target, len(kills), sum(kill["orderly"] for kill in kills),
            max(kill["seconds"] for kill in kills), sum(kill["processes_left"] for kill in kills),
            sum(kill["folders_left"] for kill in kills),
            max(kill["iterations_repeated"] for kill in kills),
        ))  # fmt: skip
    runs = record["runs"]
    whole = sum(
        run["reached_target"] and not run["duplicate_iterations"] and not run["missing_iterations"]
        for run in runs
    )
    sentence = (
        f"{len(record['kills'])} kills in {len(runs)} runs of {record['target']:,} iterations "
        f"({', '.join(run['algorithm'] for run in runs)}) with a checkpoint every "
        f"{record['checkpoint_interval']}; {whole} of {len(runs)} were resumed to their target with every "
        "iteration once:"
    )
    return f"{sentence}\n\n{markdown(COLUMNS, rows)}"


def main() -> None:
    """Kill, resume, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each target [20]")
    parser.add_argument("--targets", default=",".join(EXPECTED), help="separated by commas [all]")
    parser.add_argument("--algorithms", default=",".join(CONFIGS), help="likewise [all]")
    parser.add_argument("--parallel", type=int, default=1, help="runs at the same time [1]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [0]")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--page", type=Path, help="page whose section `endings` is filled")
    options = parser.parse_args()
    names = options.algorithms.split(",")
    with tempfile.TemporaryDirectory() as storage, ThreadPoolExecutor(options.parallel) as pool:
        runs = [EndingRun(name, Path(storage) / name) for name in names]
        share = [(options.kills - number - 1) // len(names) + 1 for number in range(len(names))]
        targets = [options.targets.split(",") * kills for kills in share]
        settings = {"checkpoint_interval": EVERY, "target": ITERATIONS, "seed": options.seed}
        record: dict[str, Any] = {**settings, "runs": [], "kills": []}
        finished = pool.map(_finished, runs, targets, [options.seed] * len(runs))
        # Written after every run: a later one may fail.
        for run, found in zip(runs, finished, strict=True):
            record["runs"].append(found)
            record["kills"] += [kill for kill in run.kills if "target" in kill]
            write_json(options.out, record)
            if options.page:
                fill(options.page, "endings", table(record))


def _finished(run: EndingRun, targets: list[str], seed: int) -> dict[str, Any]:
    """Kill the targets in a random order, finish the run, and return its verdict."""
    draw = random.Random(f"{seed} {run.algorithm}")
    draw.shuffle(targets)
    for target in targets:
        print(time.strftime("%H:%M:%S"), json.dumps(inflict(run, target, draw)), flush=True)
    run.finish(FINISH_S)
    print(found := verdict(run, None), flush=True)
    return found


if __name__ == "__main__":
    main()
