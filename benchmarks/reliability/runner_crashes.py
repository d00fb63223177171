"""Kill runner processes at random moments of training, and check the counters of the results.

`python -m rllib_zoo.benchmarks.reliability.runner_crashes` trains A2C, A3C and PPO on CartPole with
two runners each, kills runners with SIGKILL, and compares the counters with the fragments that
arrived. It writes `results/faults/runner_crashes.json` and its table in `docs/reliability.md`; exit
code 1 when a check failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import ray

from rllib_zoo import algorithms
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.launch.ray_folder import temporary_folder
from rllib_zoo.experiments.paths import RESULTS, ROOT

KILLS = {"A2C": 7, "A3C": 7, "PPO": 6}
TARGET_STEPS = 20_000
# Seconds between a full set of runners and the next kill.
PAUSE = (0.2, 4.0)
PATIENCE = 600.0
CONFIG: dict[str, Any] = {
    "env": "CartPole-v1", "num_env_runners": 2, "num_envs_per_env_runner": 4,
    "rollout_fragment_length": 20, "min_sample_timesteps_per_iteration": 320,
    "model": {"fcnet_hiddens": [16]}, "log_sys_usage": False,
}  # fmt: skip
OF_ALGORITHM: dict[str, dict[str, Any]] = {
    "A2C": {"train_batch_size": 160},
    "A3C": {},
    "PPO": {"train_batch_size": 160, "minibatch_size": 80, "num_epochs": 2},
}
OUT = RESULTS / "faults" / "runner_crashes.json"
PAGE = ROOT / "docs" / "reliability.md"


@dataclass
class Ledger:
    """Fragments or gradients that arrived, recorded independently of the algorithm's counters.

    Attributes:
        steps: unmasked steps of each.
        digests: hashes of their contents; an equal one is the same fragment again.
    """

    steps: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def add(self, steps: int, arrays: list[np.ndarray]) -> None:
        """Record one arrival."""
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        self.steps.append(steps)
        self.digests.append(digest.hexdigest())


def with_ledger(base: type, ledger: Ledger) -> type:
    """A subclass of the algorithm that records what runners send."""

    class Recorded(base):
        def _sample_round(self) -> Any:
            parts = super()._sample_round()
            for part in parts:
                ledger.add(int(part.mask.sum()), [part.obs, part.actions, part.log_probs])
            return parts

        def _apply(self, message: Any) -> Any:
            ledger.add(message.num_steps, message.gradients)
            return super()._apply(message)

    Recorded.__name__ = base.__name__
    return Recorded


def checks(
    algo: Any, name: str, rows: list[dict[str, Any]], kills: int, target: int, ledger: Ledger
) -> list[str]:
    """Descriptions of the failed checks of a whole training."""
    failed = []
    iterations = [row["training_iteration"] for row in rows]
    if iterations != list(range(1, len(rows) + 1)):
        failed.append(f"iterations {iterations}")
    total = 0
    for row in rows:
        total += row["env_runners"]["num_env_steps_sampled"]
        if row["env_runners"]["num_env_steps_sampled_lifetime"] != total:
            failed.append(f"lifetime steps at iteration {row['training_iteration']}")
    episodes = [row["episodes_total"] for row in rows]
    if sorted(episodes) != episodes:
        failed.append("episodes_total fell")
    if len(set(ledger.digests)) != len(ledger.digests):
        failed.append("a fragment arrived twice")
    if rows[-1]["timesteps_total"] < target:
        failed.append("the target was not reached")
    faults = rows[-1]["fault_tolerance"]
    if faults["num_remote_worker_restarts"] != kills or faults["num_healthy_workers"] != 2:
        failed.append(f"{kills} kills, but {faults}")
    return failed + ([] if name == "A3C" else _weights_checks(algo))


def _weights_checks(algo: Any) -> list[str]:
    """Whether all runners have the learner's weights, and the number of their update.

    Not for A3C, whose runners get weights with every request, without a number.
    """

    def numbered(runner: VectorEnvRunner) -> tuple[int, dict[str, Any]]:
        return runner._weights_seq_no, runner.module.get_state()

    [number] = algo.learner_group.foreach_learner(lambda learner: learner._weights_seq_no)
    weights = algo.learner_group.get_weights()["default_policy"]
    failed = []
    for theirs, state in algo.env_runner_group.foreach_env_runner(numbered, local_env_runner=False):
        if theirs != number.get():
            failed.append(f"a runner's weights_seq_no is {theirs}, the learner's {number.get()}")
        if not all(np.array_equal(state[key], weights[key]) for key in weights):
            failed.append("a runner's weights are not the learner's")
    return failed


class Killer(threading.Thread):
    """Kills a random runner whenever all have been running for a random time."""

    def __init__(self, group: Any, kills: int, seed: int):
        super().__init__(daemon=True)
        self._manager, self._kills = group._worker_manager, kills
        self._random = np.random.default_rng(seed)
        self.killed: list[dict[str, Any]] = []

    def run(self) -> None:
        """Kill until all kills are done; runners report their own process ids."""
        began = time.monotonic()
        actors = list(self._manager.actors().values())
        while len(self.killed) < self._kills:
            # Until RLlib has noticed the last kill and uses the restarted process.
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
    """One training in which `kills` runners are killed; its numbers and its failed checks."""
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
    """Train until the steps are reached, all kills done and all runners restarted."""
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
        restarted = row["fault_tolerance"]["num_remote_worker_restarts"] >= kills
        if row["timesteps_total"] >= target and not killer.is_alive() and restarted:
            return rows, failed
        if time.monotonic() > deadline:
            return rows, [*failed, f"not done after {PATIENCE:.0f} s"]


def table(record: Mapping[str, Any]) -> str:
    """The page's table of recorded trainings."""
    rows = [
        {
            "algorithm": t["algorithm"],
            "kills": len(t["kills"]),
            "restarts": t["restarts"],
            "steps counted / received (target)": f"{t['steps']:,} / {t['steps_received']:,} "
            f"({t['target_steps']:,})",
            "fragments received": t["fragments_received"],
            "of these twice": t["fragments_received_twice"],
            "iterations (with one runner)": f"{t['iterations']} "
            f"({t['iterations_with_one_runner']})",
            "failed checks": "; ".join(t["failed_checks"]) or "none",
        }
        for t in record["trainings"]
    ]
    kills = sum(len(t["kills"]) for t in record["trainings"])
    return (
        f"{kills} runner processes got SIGKILL at random moments, seed {record['seed']} "
        "(`python -m rllib_zoo.benchmarks.reliability.runner_crashes`, "
        "[recorded data](../results/faults/runner_crashes.json)):\n\n"
        + markdown(list(rows[0]), [list(row.values()) for row in rows]).strip()
    )


def main() -> int:
    """Run all trainings and write the table; exit code 1 when a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of training and of the kills [0]")
    parser.add_argument(
        "--table", action="store_true", help="only write the table, from recorded data"
    )
    options = parser.parse_args()
    if not options.table:
        _record(options.seed)
    record = json.loads(OUT.read_text())
    fill(PAGE, "crashes", table(record))
    return int(any(training["failed_checks"] for training in record["trainings"]))


def _record(seed: int) -> None:
    """Run all trainings and write their records."""
    ray.init(
        address="local", num_cpus=4, include_dashboard=False, log_to_driver=False,
        _temp_dir=str(temporary_folder()),
    )  # fmt: skip
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
