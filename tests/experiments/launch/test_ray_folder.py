"""The folder of Ray's files: its logs after a failure, the group of its processes."""

from __future__ import annotations

import subprocess
import sys

from rllib_zoo.experiments.launch import ray_folder
from rllib_zoo.experiments.launch.ray_folder import keep_logs, own_process_group


def test_the_end_of_every_log_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_folder, "LOG_BYTES", 10)
    logs = tmp_path / "ray" / "session_2026-01-01" / "logs"
    (logs / "old").mkdir(parents=True)
    experiment = tmp_path / "experiment"
    experiment.mkdir()
    (logs / "empty.err").touch()
    assert keep_logs(tmp_path / "ray", experiment) is None
    assert not list(experiment.iterdir())
    (logs / "raylet.out").write_text("the beginning, the end")
    kept = keep_logs(tmp_path / "ray", experiment)
    assert {file.name: file.read_text() for file in kept.iterdir()} == {"raylet.out": "g, the end"}


def test_processes_of_ray_get_no_signals_of_the_commands_group():
    def group():
        # Ray starts its servers with a preexec_fn.
        code = "import os; print(os.getpgid(0) == os.getpid())"
        return subprocess.check_output(
            [sys.executable, "-c", code], preexec_fn=lambda: None, text=True
        )

    assert group() == "False\n"
    with own_process_group():
        assert group() == ("True\n" if sys.platform == "linux" else "False\n")
    assert group() == "False\n"
