"""Real processes in place of Ray's servers: what their end does to a run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from rllib_zoo.experiments.launch import ray_monitor
from rllib_zoo.experiments.launch.ray_monitor import RayMonitor
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.tune.signals import Interruption, interruption

HANGING = """
import subprocess, sys, time
from rllib_zoo.experiments.launch import ray_monitor
from rllib_zoo.experiments.tune.signals import Interruption

ray_monitor.GRACE_S, ray_monitor.END_S, ray_monitor.SHUTDOWN_S = {"raylet": 0.0}, 0.3, 0.3
server = subprocess.Popen(["sleep", "100"])
other = subprocess.Popen(["sleep", "100"])
monitor = ray_monitor.RayMonitor({"raylet": server}, lambda: print("cleaned", flush=True))
monitor.start()
print(other.pid, flush=True)
with Interruption() as ending:
    ending.on_abort = lambda cause: print(cause, file=sys.stderr)
    if sys.argv[1] == "death":
        server.kill()
    else:
        monitor.exit_code = 7
        monitor.end()
    time.sleep(100)
"""


def sleeping():
    return subprocess.Popen(["sleep", "100"])


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_a_servers_death_ends_the_run_with_its_name(name):
    server = sleeping()
    monitor = RayMonitor({name: server}, lambda: None)
    with Interruption() as ending:
        monitor.start()
        assert interruption() is None
        server.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while interruption() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (ending.cause, ending.failed) == (f"Ray's {name} process ended (SIGKILL)", True)
        # Without a raylet no checkpoint can be made; without the other, one may.
        assert ending.overdue() == (name == "raylet")
        monitor.stop()
    monitor.join(timeout=20)
    assert not monitor.is_alive()


def test_a_clusters_server_that_cannot_be_reached_ends_the_run(monkeypatch):
    monkeypatch.setattr(ray_monitor, "CONNECT_S", 0.1)
    monkeypatch.setattr(ray_monitor, "RAY_GIVES_UP_S", 33.5)  # a second of patience
    with socket.create_server(("127.0.0.1", 0)) as server, Interruption() as ending:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monitor = RayMonitor({}, lambda: None, address)
        monitor.start()
        time.sleep(2.0)
        assert interruption() is None
        server.close()
        deadline = time.monotonic() + 30
        while interruption() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert ending.cause == f"Ray's gcs_server cannot be reached at {address}"
        assert not ending.overdue()
        monitor.stop()
    monitor.join(timeout=20)
    assert not monitor.is_alive()


def test_servers_may_end_when_ray_is_shut_down():
    server = sleeping()
    monitor = RayMonitor({"raylet": server}, lambda: None)
    with Interruption():
        monitor.start()
        monitor.end()
        server.kill()
        server.wait()
        time.sleep(0.5)
        assert interruption() is None
        monitor.stop()
    monitor.join(timeout=20)
    assert not monitor.is_alive()


@pytest.mark.parametrize(("why", "code"), [("death", 1), ("shutdown", 7)])
def test_a_command_that_hangs_in_ray_is_ended(why, code):
    """Its main thread sleeps for a hundred seconds; nothing is left of its processes."""
    process = subprocess.run(
        [sys.executable, "-c", HANGING, why],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert process.returncode == code, process.stderr
    cause = "Ray's raylet process ended (SIGKILL)\n"
    assert process.stderr == (cause if why == "death" else "")
    other, cleaned = process.stdout.splitlines()
    assert cleaned == "cleaned"
    gone = not psutil.pid_exists(int(other))
    assert gone or psutil.Process(int(other)).status() == psutil.STATUS_ZOMBIE
