"""Runner processes killed at random moments of training: does it go on, and does it count right?

``python -m rllib_zoo.benchmarks.reliability.runner_crashes`` trains A2C, A3C and PPO on CartPole
with two runners each, kills random ones with SIGKILL, and compares the counters with the fragments
that really arrived. It writes ``results/faults/runner_crashes.json`` and its table in
``docs/reliability.md``, and exits with 1 when a check failed. ``--table`` only writes the table.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import ray

from rllib_zoo import algorithms
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.benchmarks.reliability.crash_checks import Ledger, checks, with_ledger
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.paths import RESULTS, ROOT

KILLS = {"A2C": 7, "A3C": 7, "PPO": 6}
TARGET_STEPS = 20_000
# Seconds between a full set of runners and the next kill.
PAUSE = (0.2, 4.0)
PATIENCE = 600.0
CONFIG: dict[str, Any] = {
    "env": "CartPole-v1",
    "num_env_runners": 2,
    "num_envs_per_env_runner": 4,
    "rollout_fragment_length": 20,
    "min_sample_timesteps_per_iteration": 320,
    "model": {"fcnet_hiddens": [16]},
    "log_sys_usage": False,
}
OF_ALGORITHM: dict[str, dict[str, Any]] = {
    "A2C": {"train_batch_size": 160},
    "A3C": {},
    "PPO": {"train_batch_size": 160, "minibatch_size": 80, "num_epochs": 2},
}
OUT = RESULTS / "faults" / "runner_crashes.json"
PAGE = ROOT / "docs" / "reliability.md"


class Killer(threading.Thread):
    """Kills a random runner whenever all have been at work for a random while."""

    def __init__(self, group: Any, kills: int, seed: int):
        super().__init__(daemon=True)
        self._manager, self._kills = group._worker_manager, kills
        self._random = np.random.default_rng(seed)
        self.killed: list[dict[str, Any]] = []

    def run(self) -> None:
        """Until all kills are done; processes are known by asking their runners."""
        began = time.monotonic()
        actors = list(self._manager.actors().values())
        while len(self.killed) < self._kills:
            # RLlib has noticed the last one, and took the new process into service.
            while self._manager.total_num_restarts() < len(self.killed):
                time.sleep(0.05)
            pids = [
                ray.get(actor.apply.remote(lambda runner: os.getpid()), timeout=PATIENCE)
                for actor in actors
            ]
            time.sleep(self._random.uniform(*PAUSE))
            victim = int(self._random.integers(len(pids)))
            os.kill(pids[victim], signal.SIGKILL)
            moment = round(time.monotonic() - began, 2)
            self.killed.append({"runner": victim + 1, "after_s": moment})


def crash(name: str, kills: int, target: int, seed: int) -> dict[str, Any]:
    """One training in which ``kills`` runners are killed; its numbers and its failed checks."""
    ledger = Ledger()
    config = algorithms.config_class(name)().update_from_dict(
        {**CONFIG, **OF_ALGORITHM[name], "seed": seed}
    )
    config.algo_class = with_ledger(config.algo_class, ledger)
    algo = config.build_algo()
    try:
        killer = Killer(algo.env_runner_group, kills, seed)
        killer.start()
        rows, failed = _train(algo, killer, kills, target, ledger)
        failed += checks(algo, name, rows, kills, target, ledger)
    finally:
        algo.stop()
    last = rows[-1]
    return {
        "algorithm": name,
        "kills": killer.killed,
        "restarts": last["fault_tolerance"]["num_remote_worker_restarts"],
        "iterations": len(rows),
        "steps": last["timesteps_total"],
        "target_steps": target,
        "steps_received": sum(ledger.steps),
        "fragments_received": len(ledger.digests),
        "fragments_received_twice": len(ledger.digests) - len(set(ledger.digests)),
        "iterations_with_one_runner": sum(
            row["fault_tolerance"]["num_healthy_workers"] < 2 for row in rows
        ),
        "failed_checks": failed,
    }


def _train(
    algo: Any, killer: Killer, kills: int, target: int, ledger: Ledger
) -> tuple[list[dict[str, Any]], list[str]]:
    """Train until the steps are reached, all kills done and all runners back."""
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while True:
        row = algo.train()
        rows.append(row)
        if row["timesteps_total"] != sum(ledger.steps):
            failed.append(
                f"iteration {len(rows)}: {row['timesteps_total']} steps counted, "
                f"{sum(ledger.steps)} received"
            )
        back = row["fault_tolerance"]["num_remote_worker_restarts"] >= kills
        if row["timesteps_total"] >= target and not killer.is_alive() and back:
            return rows, failed
        if time.monotonic() > deadline:
            return rows, [*failed, f"not done after {PATIENCE:.0f} s"]


def table(record: Mapping[str, Any]) -> str:
    """What the page shows of a recorded run."""
    headings = [
        "algorithm",
        "kills",
        "restarts",
        "steps counted / received (target)",
        "fragments received",
        "of these twice",
        "iterations (with one runner)",
        "failed checks",
    ]
    rows = [
        [
            t["algorithm"],
            str(len(t["kills"])),
            str(t["restarts"]),
            f"{t['steps']:,} / {t['steps_received']:,} ({t['target_steps']:,})",
            f"{t['fragments_received']:,}",
            str(t["fragments_received_twice"]),
            f"{t['iterations']} ({t['iterations_with_one_runner']})",
            "; ".join(t["failed_checks"]) or "none",
        ]
        for t in record["trainings"]
    ]
    kills = sum(len(t["kills"]) for t in record["trainings"])
    return (
        f"{kills} runner processes got SIGKILL at random moments, seed {record['seed']} "
        "(`python -m rllib_zoo.benchmarks.reliability.runner_crashes`, "
        "[what was seen](../results/faults/runner_crashes.json)):\n\n"
        + markdown(headings, rows).strip()
    )


def main() -> int:
    """Run all trainings; 1 when a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="write the table of the last run")
    given = parser.parse_args()
    if not given.table:
        _record(given.seed)
    record = json.loads(OUT.read_text())
    fill(PAGE, "crashes", table(record))
    return int(any(training["failed_checks"] for training in record["trainings"]))


def _record(seed: int) -> None:
    """Run all trainings and write what was seen."""
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    algorithms.register()
    trainings = []
    for name, kills in KILLS.items():
        print(f"{name}: {kills} runners will be killed", flush=True)
        trainings.append(crash(name, kills, TARGET_STEPS, seed))
        print(json.dumps({k: v for k, v in trainings[-1].items() if k != "kills"}), flush=True)
    ray.shutdown()
    write_json(OUT, {"seed": seed, "trainings": trainings}, indent=2)


if __name__ == "__main__":
    raise SystemExit(main())
