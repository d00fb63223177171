"""Kill trainings at random moments, resume them, and count what was lost: nothing, it should be.

`python -m rllib_zoo.benchmarks.reliability.kills --kills 20 --out results/faults/kills.json --page
docs/reliability.md`
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from rllib_zoo.algorithms.base.checkpoints import SEAL
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.trials import MANIFEST
from rllib_zoo.benchmarks.reliability.killed_run import (
    CONFIGS,
    EVERY,
    PATIENCE_S,
    TARGET,
    KilledRun,
    require_done,
)
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.tune.loggers import PROGRESS

# Where a driver is killed; drawn for every kill.
MOMENTS = ("starting", "before a result", "training", "training", "saving", "saving")
ORPHANS_S = 120.0


def killed(run: KilledRun, draw: random.Random) -> bool:
    """Start or resume a run and kill its driver, nothing else; False: it was done before."""
    moment = draw.choice(MOMENTS)
    before, repeated = len(run.results()), run.repeated
    process = run.start(resume=bool(run.kills))
    came = _moment(run, moment, before, draw)
    while process.poll() is None and not came():
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
            # Of the kill before: only the resume takes rows back.
            "iterations_repeated": run.repeated - repeated,
            "processes": len(family),
        }
    )
    return True


def _moment(run: KilledRun, moment: str, before: int, draw: random.Random) -> Callable[[], bool]:
    """Whether the moment to kill has come, to be asked again and again."""
    began = time.monotonic()
    manifest = run.folder / MANIFEST
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
            return run.last_iteration >= min(before + more, TARGET)
        return any(
            folder not in seals and not (folder / SEAL).exists()
            for folder in run.folder.glob("*/checkpoint_*")
        )

    return came


def verdict(run: KilledRun, whole: KilledRun | None) -> dict[str, Any]:
    """What the end of a run shows; ``whole`` is the same run, never killed."""
    rows = run.results()
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
        mine, its = run.weights(), whole.weights()
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
            run, whole = KilledRun(name, Path(storage) / name), None
            share = (asked.kills - number - 1) // len(CONFIGS) + 1
            while len(run.kills) < share and killed(run, draw):
                print(time.strftime("%H:%M:%S"), run.kills[-1], flush=True)
            run.finish()
            if CONFIGS[name]["num_env_runners"] == 0:
                whole = KilledRun(name, Path(storage) / f"{name}-whole")
                whole.finish()
            verdicts.append(verdict(run, whole))
            print(verdicts[-1], flush=True)
            kills += [kill for kill in run.kills if "moment" in kill]
            counted = {**found, "runs": verdicts, "kills": kills}
            write_json(asked.out, counted)
            if asked.page:
                fill(asked.page, "kills", sentence(counted))


if __name__ == "__main__":
    main()
