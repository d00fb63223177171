"""Training on a cluster of several (simulated) machines, one of which is lost.

Every simulated machine has a raylet, an object store and workers of its own; what they share is the
kernel and the file system.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from rllib_zoo.experiments.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1500)]
# Its copies tell where they live: one line "<node> <process>" each.
PLACED = """
import os
import ray
from gymnasium.envs.classic_control import CartPoleEnv


class Placed(CartPoleEnv):
    def __init__(self, told=None):
        super().__init__()
        if told is not None and ray.is_initialized():
            context = ray.get_runtime_context()
            if context.get_actor_id() is not None:
                with open(told, "a") as file:
                    file.write(f"{context.get_node_id()} {context.get_actor_id()}\\n")
"""
CONFIG = {
    "num_env_runners": 4,
    "num_envs_per_env_runner": 4,
    "rollout_fragment_length": 10,
    "min_sample_timesteps_per_iteration": 800,
    "placement_strategy": "SPREAD",
    "seed": 0,
    "model": {"fcnet_hiddens": [16]},
}
OF_ALGORITHM: dict[str, dict[str, Any]] = {
    "A2C": {"train_batch_size": 160},
    "A3C": {},
    "PPO": {"train_batch_size": 160, "minibatch_size": 80, "num_epochs": 1},
}
PATIENCE = 420


class Run:
    """The command, training on the cluster."""

    def __init__(self, cluster, folder, algorithm, nodes, main="head", **keys):
        self.cluster, self.nodes, self.folder = cluster, nodes, folder
        (folder / "placed_env.py").write_text(PLACED)
        self.told = folder / "told"
        config = {
            **CONFIG,
            **OF_ALGORITHM[algorithm],
            "env_config": {"told": str(self.told)},
            "custom_resources_for_main_process": {main: 1},
        }
        entry = {
            "run": algorithm,
            "env": "placed_env.Placed",
            "stop": {"time_total_s": 3600},
            "checkpoint_config": {"checkpoint_frequency": 2, "num_to_keep": 2},
            "config": config,
            **keys,
        }
        (folder / "x.yaml").write_text(yaml.safe_dump({"x": entry}))
        command = [
            sys.executable,
            "-m",
            "rllib_zoo.experiments.cli.main",
            "train",
            "file",
            "x.yaml",
        ]
        self.output = (folder / "output").open("w")
        self.process = subprocess.Popen(
            [*command, "--ray-address", cluster.address, "--storage-path", "results"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def rows(self):
        """Results so far; a line that is being written does not count."""
        files = list((self.folder / "results" / "x").glob("*/result.json"))
        lines = files[0].read_text().splitlines(keepends=True) if files else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, condition):
        """Wait until a result is as asked; all results."""
        deadline = time.monotonic() + PATIENCE
        while not any(condition(row) for row in self.rows()):
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, (self.folder / "output").read_text()
            time.sleep(0.5)
        return self.rows()

    def homes(self):
        """Node → runners that said they live there."""
        found: dict[str, set[str]] = {}
        for line in self.told.read_text().splitlines():
            node, actor = line.split()
            found.setdefault(node, set()).add(actor)
        return found

    def lose(self, node_id):
        """One machine is gone, without a word."""
        node = next(node for node in self.nodes if node.node_id == node_id)
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.remove(node)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=120)
        return json.loads((self.folder / "results" / "x" / "manifest.json").read_text())


def faults(row):
    return row["fault_tolerance"]


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    # Not in Ray's own folder, where every ray.init() of this machine would find and join it.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    head = {"num_cpus": 1, "include_dashboard": False, "resources": {"head": 1}}
    made = Cluster(initialize_head=True, head_node_args={**head, "temp_dir": folder})
    yield made
    made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(cluster, tmp_path):
    runs = []

    def begin(algorithm, machines, **keys):
        nodes = [cluster.add_node(num_cpus=2, resources={"other": 1}) for _ in range(machines)]
        runs.append(Run(cluster, tmp_path, algorithm, nodes, **keys))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        run.output.close()


def assert_counts_are_whole(rows):
    """Every iteration once, every step once."""
    assert [row["training_iteration"] for row in rows] == list(range(1, len(rows) + 1))
    total = 0
    for row in rows:
        total += row["env_runners"]["num_env_steps_sampled"]
        assert row["timesteps_total"] == total


@pytest.mark.parametrize("algorithm", ["A2C", "A3C", "PPO"])
def test_a_lost_machine_costs_its_runners_until_they_are_elsewhere(start, algorithm):
    run = start(algorithm, machines=3)
    run.wait_for(lambda row: row["training_iteration"] >= 3)
    homes = run.homes()
    assert len(homes) == 3  # the head's one CPU is the main process's
    assert sum(map(len, homes.values())) == 4
    lost = next(iter(homes))
    run.lose(lost)
    run.wait_for(lambda row: faults(row)["num_healthy_workers"] < 4)
    rows = run.wait_for(
        lambda row: (
            faults(row)["num_healthy_workers"] == 4
            and faults(row)["num_remote_worker_restarts"] >= len(homes[lost])
        )
    )
    manifest = run.interrupt()
    assert manifest["trials"][0]["status"] == "interrupted"
    assert_counts_are_whole(rows)
    assert "of 4 runners" in (run.folder / "output").read_text() or len(rows) < 10


def test_without_a_free_core_training_goes_on_with_fewer(start):
    run = start("A2C", machines=2)
    run.wait_for(lambda row: row["training_iteration"] >= 2)
    run.lose(next(iter(run.homes())))
    run.wait_for(lambda row: faults(row)["num_healthy_workers"] == 2)
    fewer = run.rows()[-1]["training_iteration"]
    rows = run.wait_for(lambda row: row["training_iteration"] >= fewer + 5)
    assert faults(rows[-1]) == {
        "num_healthy_workers": 2,
        "num_remote_worker_restarts": 0,
        "num_env_runners_dropped_lifetime": 0,
    }
    run.interrupt()
    assert_counts_are_whole(rows)


def test_the_main_processs_machine_lost_the_trial_goes_on_from_its_checkpoint(start):
    run = start("A2C", machines=4, main="other", max_failures=2)
    run.wait_for(lambda row: row["training_iteration"] >= 5)
    import ray

    ray.init(address=run.cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        [main] = {
            actor["Address"]["NodeID"]
            for actor in ray._private.state.actors().values()
            if actor["ActorClassName"] == "A2C" and actor["State"] == "ALIVE"
        }
    finally:
        ray.shutdown()
    before = len(run.rows())
    run.lose(main)
    rows = run.wait_for(
        lambda row: row["iterations_since_restore"] < row["training_iteration"] >= before + 3
    )
    run.interrupt()
    # After the loss iterations since the last checkpoint are played again.
    again = next(
        i
        for i, row in enumerate(rows)
        if row["iterations_since_restore"] < row["training_iteration"]
    )
    first = rows[again]["training_iteration"]
    assert first % 2 == 1  # a checkpoint every two iterations
    assert_counts_are_whole([*rows[: first - 1], *rows[again:]])


def test_a_request_that_the_cluster_cannot_place_is_refused(start, cluster):
    run = start("A2C", machines=1)
    assert run.process.wait(timeout=PATIENCE) == 2
    output = (run.folder / "output").read_text()
    assert output.count("\n") == 1
    assert "config.num_env_runners: needs 5 CPUs, 3 available; num_env_runners 2 would" in output
    assert not (run.folder / "results").exists()
