"""Training on a cluster of several (simulated) machines, one of which is lost.

Every simulated machine has a raylet, an object store and workers of its own; what they share is the
kernel and the file system.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from cluster_run import PATIENCE, Run, assert_counts_are_whole, faults

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1500)]


class SimulatedRun(Run):
    """A run on simulated machines."""

    def __init__(self, cluster, folder, algorithm, nodes, **keys):
        self.cluster, self.nodes = cluster, nodes
        super().__init__(cluster.address, folder, algorithm, **keys)

    def lose(self, node_id):
        """One machine is gone, without a word."""
        node = next(node for node in self.nodes if node.node_id == node_id)
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.remove(node)


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
        runs.append(SimulatedRun(cluster, tmp_path, algorithm, nodes, **keys))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


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


# In a process of its own: this one may be connected to another Ray.
MACHINE_OF = """
import sys, ray
ray.init(address=sys.argv[2], log_to_driver=False, logging_level="ERROR")
actors = ray._private.state.actors().values()
[machine] = {
    actor["Address"]["NodeID"]
    for actor in actors
    if actor["ActorClassName"] == sys.argv[1] and actor["State"] == "ALIVE"
}
print(machine)
"""


def machine_of(actor_class: str, address: str) -> str:
    """The id of the machine where the one actor of a class runs."""
    command = [sys.executable, "-c", MACHINE_OF, actor_class, address]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def test_the_main_processs_machine_lost_the_trial_goes_on_from_its_checkpoint(start):
    run = start("A2C", machines=4, main="other", max_failures=2)
    run.wait_for(lambda row: row["training_iteration"] >= 5)
    main = machine_of("A2C", run.cluster.address)
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
