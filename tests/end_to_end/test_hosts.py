"""Training on three hosts with networks of their own: one is switched off, cut off, or full.

Hosts are network namespaces (:mod:`rllib_zoo.benchmarks.reliability.hosts`): they share the kernel and a
folder, as machines share a file server, and no network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest
from cluster_run import PATIENCE, Run, assert_counts_are_whole, faults
from small_disk import small_disk

from rllib_zoo.benchmarks.reliability.hosts import PORT, Hosts, unavailable

REASON = unavailable()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(REASON is not None, reason=f"no network namespaces: {REASON}"),
]
CUT_SECONDS = 60.0


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Hosts(3) as three, small_disk(three.folder / "disk", "32m") as disk:
        three.disk = disk
        three.start_ray(0, 3, head=1)
        for host in (1, 2):
            three.start_ray(host, 2)
        yield three


@pytest.fixture
def start(hosts):
    runs = []

    def begin(algorithm, folder, token=None, **keys):
        folder.mkdir(exist_ok=True)
        on_head = partial(hosts.start, 0, token=token)
        runs.append(Run(f"{hosts.addresses[0]}:{PORT}", folder, algorithm, start=on_head, **keys))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1.0)


@pytest.mark.parametrize("algorithm", ["A2C", "A3C", "PPO"])
def test_a_host_that_is_switched_off_costs_its_runners(hosts, start, algorithm):
    run = start(algorithm, hosts.folder / "run")
    run.wait_for(lambda row: row["training_iteration"] >= 3)
    assert len(run.homes()) == 3
    hosts.power_off(1)
    run.wait_for(lambda row: faults(row)["num_healthy_workers"] < 4)
    fewer = run.rows()[-1]["training_iteration"]
    run.wait_for(lambda row: row["training_iteration"] >= fewer + 5)
    manifest = run.interrupt()
    assert manifest["status"] == "interrupted"
    assert_counts_are_whole(run.rows())


@pytest.mark.parametrize("algorithm", ["A2C", "A3C", "PPO"])
def test_a_link_that_is_cut_for_a_minute(hosts, start, algorithm):
    run = start(algorithm, hosts.folder / "run")
    run.wait_for(lambda row: row["training_iteration"] >= 3)
    hosts.set_link(2, "down")
    time.sleep(CUT_SECONDS)
    hosts.set_link(2, "up")
    after = run.rows()[-1]["training_iteration"]
    rows = run.wait_for(lambda row: row["training_iteration"] >= after + 10)
    if algorithm == "A3C":
        learner = rows[-1]["learners"]["default_policy"]
        assert 0 <= learner["gradient_staleness_mean"] <= learner["gradient_staleness_max"]
    assert run.interrupt()["status"] == "interrupted"
    assert_counts_are_whole(run.rows())
    # Ray took the host for dead; its own Ray ends, and a new one joins.
    wait_until(lambda: not hosts.runs_ray(2))
    hosts.start_ray(2, 2)


@pytest.mark.parametrize("algorithm", ["A2C", "A3C", "PPO"])
def test_a_full_disk_ends_the_run_which_resumes_with_space(hosts, start, algorithm):
    run = start(algorithm, hosts.disk.folder)
    run.wait_for(lambda row: row["training_iteration"] >= 5)
    hosts.disk.fill()
    assert run.process.wait(timeout=PATIENCE) == 1
    hosts.disk.empty()
    output = (run.folder / "output").read_text()
    assert "Traceback" not in output
    again = start(algorithm, hosts.disk.folder, options=["--resume"])
    before = len(run.rows())
    again.wait_for(lambda row: row["training_iteration"] >= before + 3)
    assert again.interrupt()["status"] == "interrupted"
    assert_counts_are_whole(again.rows())


def test_a_wrong_token_is_refused(hosts, start):
    run = start("A2C", hosts.folder / "run", token="0" * 32)
    assert run.process.wait(timeout=PATIENCE) == 2
    # Before it are lines about the time it takes, and Ray's own.
    output = (run.folder / "output").read_text()
    assert "Traceback" not in output
    assert "--ray-address: " in output.splitlines()[-1]
    assert "cannot be joined" in output.splitlines()[-1]
