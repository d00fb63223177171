"""Seconds and memory of the whole command, beside another checkout of this project.

`python -m rllib_zoo.benchmarks.speed.startup CHECKOUT --rounds 3 --out results/startup`. The checkouts take
turns, each with the command of its own `.venv`; a ratio is that of the medians, this checkout's over the
other's. A run that ends otherwise than it should is printed and counts in no median. With that folder the
table is written into `docs/benchmarks.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.benchmarks.speed.measure import PeakMemory
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.paths import RESULTS, ROOT

CARTPOLE = "tuned_configs/cartpole-ppo.yaml"
SHORT = ("--stop", '{"timesteps_total": 20000}')
# Six trials of a few seconds.
GRID = """\
grid:
  run: PPO
  env: CartPole-v1
  stop: {timesteps_total: 20000}
  config:
    lr: {grid_search: [1.0e-3, 2.0e-3, 3.0e-3]}
    num_epochs: {grid_search: [2, 4]}
    num_env_runners: 0
    num_envs_per_env_runner: 32
    train_batch_size: 1024
    minibatch_size: 256
    model: {custom_model: custom_models.SharedEncoderActorCritic}
"""
WRONG_KEY = "wrong:\n  run: PPO\n  env: CartPole-v1\n  config: {gama: 0.9}\n"


@dataclass(frozen=True)
class Task:
    """A command to measure.

    Attributes:
        file: the config file, or its text.
        options: of `rllib train file`.
        measure: what the row counts: `first_result`, `seconds` (until the prompt) or `mib`.
        code: the exit code that it ends with.
    """

    file: str
    options: tuple[str, ...] = ()
    measure: str = "seconds"
    code: int = 0


TASKS = {
    "first result": Task(CARTPOLE, measure="first_result"),
    "prompt": Task(CARTPOLE),
    "wrong key": Task(WRONG_KEY, code=2),
    "grid of 6": Task(GRID),
    "30 seeds": Task(CARTPOLE, ("--seeds", "0-29")),
    "memory CartPole PPO": Task(CARTPOLE, measure="mib"),
    "memory CartPole A3C": Task("tuned_configs/cartpole-a3c.yaml", measure="mib"),
    "memory Pong PPO": Task("tuned_configs/pong-ppo.yaml", SHORT, measure="mib"),
}


def run(checkout: Path, task: Task) -> dict[str, Any]:
    """Run the command; its exit code, seconds to the first result and to the prompt, and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(task.file)
        config = file if "\n" in task.file else checkout / task.file
        rllib, storage = checkout / ".venv" / "bin" / "rllib", Path(folder) / "results"
        command: list[str | Path] = [
            rllib,
            "train",
            "file",
            config,
            *task.options,
            "--storage-path",
            storage,
        ]
        started, first = time.monotonic(), None
        with subprocess.Popen(
            command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            memory = PeakMemory(process.pid)
            if task.measure == "mib":  # sampling takes time of its own
                memory.start()
            while process.poll() is None:
                time.sleep(0.02)
                if first is None and any(f.stat().st_size for f in storage.rglob("result.json")):
                    first = time.monotonic() - started
        row = {"code": process.returncode, "seconds": time.monotonic() - started}
        return row | {"first_result": first, "mib": memory.finish() if memory.ident else None}


def measured(checkouts: dict[str, Path], names: list[str], rounds: int) -> list[dict[str, Any]]:
    """Rows of all tasks and rounds, printed as they come in."""
    rows = []
    for number in range(rounds):
        for name in names:
            for label, checkout in checkouts.items():
                row = {"task": name, "checkout": label, "round": number}
                rows.append(row | run(checkout, TASKS[name]))
                print(json.dumps(rows[-1]), flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Medians of both checkouts over the runs that ended as they should, and their ratio."""
    lines = []
    for name in dict.fromkeys(row["task"] for row in rows):
        task, medians = TASKS[name], []
        for label in ("other", "this"):
            of = [row for row in rows if (row["task"], row["checkout"]) == (name, label)]
            ended = [row[task.measure] for row in of if row["code"] == task.code]
            medians.append(median(ended) if None not in ended and ended else math.nan)
        unit = "MiB" if task.measure == "mib" else "s"
        other, this = medians
        lines.append((name, f"{other:,.1f} {unit}", f"{this:,.1f} {unit}", f"{this / other:.2f}"))
    return markdown(("command", "other", "this", "ratio"), lines).rstrip()


def main(argv: list[str] | None = None) -> int:
    """The benchmark's command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="the other checkout, installed in its .venv")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK")
    parser.add_argument("--out", type=Path, help="folder for rows and table")
    options = parser.parse_args(argv)
    checkouts = {"other": options.checkout.resolve(), "this": ROOT}
    for checkout in checkouts.values():
        if not (checkout / ".venv" / "bin" / "rllib").exists():
            print(f"error: {checkout} has no .venv/bin/rllib: run `make install` there")
            return 2
    rows = measured(checkouts, options.only, options.rounds)
    print(table(rows))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        with atomic_write(options.out / "startup.json") as draft:
            draft.write_text(json.dumps(rows, indent=1) + "\n")
        if options.out.resolve() == RESULTS / "startup":
            fill(ROOT / "docs" / "benchmarks.md", "startup", table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
