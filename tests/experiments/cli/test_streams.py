"""Closed standard streams, and signals before training: one line or none, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from rllib_zoo.experiments.paths import ROOT

RLLIB = [sys.executable, "-m", "rllib_zoo.experiments.cli.main"]
# Longer than a pipe's buffer.
MANY = "from rllib_zoo.experiments.cli.streams import keep_streams_open as k; k()\n" + (
    "import sys\nfor i in range(20_000): print('a line', i); print('a line', i, file=sys.stderr)\n"
    "open(sys.argv[1], 'w').write('came to its end')\n"
)


WAIT = "import pathlib, time\npathlib.Path('imported').touch()\ntime.sleep(60)\n"
MODULES = {
    "import": WAIT,
    "destructor": f"class Slow:\n    def __del__(self):\n        {WAIT.replace(chr(10), '; ')}\n"
    "Slow()\nimport time\ntime.sleep(60)\n",
}


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("redirection", ["2>&1 | head -1", ">&- 2>&-", "2>&1 | true"])
def test_a_command_whose_reader_has_gone_comes_to_its_end(tmp_path, redirection):
    script, end = tmp_path / "many.py", tmp_path / "end"
    script.write_text(MANY)
    line = f'set -o pipefail; "{sys.executable}" "{script}" "{end}" {redirection}'
    process = subprocess.run(
        ["bash", "-c", line], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, process.stderr
    assert end.read_text() == "came to its end"
    assert process.stderr == ""
    assert process.stdout == ("a line 0\n" if "head" in redirection else "")


@pytest.mark.slow
def test_the_real_command_prints_no_traceback_for_a_closed_pipe():
    command = (
        f'set -o pipefail; "{sys.executable}" -m rllib_zoo.experiments.cli.main example list | true'
    )
    process = subprocess.run(
        ["bash", "-c", command], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize(
    ("number", "name", "moment"),
    [
        (signal.SIGHUP, "SIGHUP", "destructor"),
        pytest.param(signal.SIGHUP, "SIGHUP", "import", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "Ctrl-C", "import", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "SIGTERM", "import", marks=pytest.mark.slow),
    ],
)
def test_a_signal_before_training_is_one_line_and_leaves_nothing(tmp_path, number, name, moment):
    file, storage = tmp_path / "tiny.yaml", tmp_path / "results"
    # Its module is imported while the experiment is checked; Python drops a destructor's exceptions.
    (tmp_path / "slow.py").write_text(MODULES[moment])
    file.write_text(yaml.safe_dump({"tiny": {"run": "PPO", "env": "CartPole-v1"}}))
    command = [
        *RLLIB,
        "train",
        "file",
        str(file),
        "--import",
        "slow",
        "--storage-path",
        str(storage),
    ]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "imported").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    printed, errors = process.communicate(timeout=30)
    assert (process.returncode, printed) == (130, "")
    again = f"rllib train file {file} --import slow --storage-path {storage}"
    assert errors == f"interrupted by {name}; start again with: {again}\n"
    assert not storage.exists()
