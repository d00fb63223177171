"""Running a contender from outside: failures are rows, memory is that of the whole tree."""

import os
import subprocess
import sys
import time

import pytest

from rllib_zoo.benchmarks.speed import measure
from rllib_zoo.benchmarks.speed.contenders import Contender
from rllib_zoo.benchmarks.speed.measure import PeakMemory, run_contender


def contender(**fields):
    return Contender("x", "x", **{"module": "random_actions", "variant": "pong-42", **fields})


def test_a_worker_that_fails_is_a_row():
    row = run_contender(contender(variant="no-such-variant"), "speed", 3, 10, 0.0)
    assert (row["name"], row["status"], row["round"]) == ("x", "failed", 3)
    assert "no-such-variant" in row["error"]


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"requires": "no_such_package"}, "not installed", "bench"),
        ({"file": "tuned_configs/no-such.yaml"}, "missing", "tuned_configs/no-such.yaml"),
    ],
)
@pytest.mark.parametrize("mode", ["speed", "threshold", "memory"])
def test_what_is_not_there_is_a_row_without_a_process(monkeypatch, fields, status, named, mode):
    monkeypatch.setattr(measure, "_timed", lambda command: pytest.fail("started a process"))
    row = run_contender(contender(**fields), mode, 0, 10, 0.0)
    assert row["status"] == status
    assert named in row["error"]


def test_steps_are_multiplied_and_threads_left_alone(monkeypatch):
    commands = []

    def timed(command):
        commands.append(command)
        return {"stdout": '{"status": "ok", "steps_per_s": 2.0}\n', "last_line": ""}

    monkeypatch.setattr(measure, "_timed", timed)
    row = run_contender(contender(steps_factor=4), "speed", 0, 1_000, 0.0)
    assert (row["status"], row["steps_per_s"]) == ("ok", 2.0)
    assert commands[0][commands[0].index("--steps") + 1] == "4000"
    assert "--threshold" not in commands[0]


def test_workers_see_no_thread_count_of_the_shell(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    ended = measure._timed(
        [sys.executable, "-c", "import os; print(os.environ.get('OMP_NUM_THREADS'))"]
    )
    assert ended["stdout"] == "None\n"


def test_the_command_for_memory_fails_as_a_row(tmp_path):
    # Refused before Ray starts: the file names no algorithm.
    (tmp_path / "broken.yaml").write_text("broken:\n  env: CartPole-v1\n")
    row = run_contender(contender(file=str(tmp_path / "broken.yaml")), "memory", 0, 10, 0.0)
    assert (row["status"], row["mode"]) == ("failed", "memory")
    assert "run: is missing" in row["error"]


def test_memory_is_that_of_the_whole_tree():
    # The parent is small; its child holds 200 MiB.
    child = "x = bytearray(200 * 2**20); import time; time.sleep(30)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
    memory = PeakMemory(process.pid)
    memory.start()
    try:
        deadline = time.monotonic() + 20
        while memory.mib < 200 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert 200 < memory.finish() < 300
