"""Real runs that are ended from outside at any moment: one line, a status, nothing left, and a resume."""

from __future__ import annotations

import copy
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from rllib_zoo.algorithms.base.checkpoints import iteration_of
from rllib_zoo.benchmarks.reliability.endings import folders_of
from rllib_zoo.experiments.paths import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]
RLLIB = [sys.executable, "-m", "rllib_zoo.experiments.cli.main"]
PATIENCE_S = 600.0
# After a signal or a server's death; the machine may be busy.
END_S = 90.0
CONFIG = {"num_env_runners": 1, "train_batch_size": 80, "model": {"fcnet_hiddens": [8]}, "seed": 1}


class Run:
    """`rllib train file` on two experiments in a process group of its own, as in a terminal."""

    def __init__(self, folder, iterations=100_000, names=("first", "second"), **changes):
        self.storage = folder / "results"
        self.file = folder / "two.yaml"
        entry = {
            "run": "A2C", "env": "CartPole-v1", "config": CONFIG,
            "stop": {"training_iteration": iterations}, **changes,
        }  # fmt: skip
        self.file.write_text(yaml.safe_dump({name: copy.deepcopy(entry) for name in names}))
        self.process = None

    def start(self, *options, line=None):
        command = [*RLLIB, "train", "file", str(self.file), "--storage-path", str(self.storage)]
        command += options
        self.process = subprocess.Popen(
            command if line is None else ["bash", "-c", line.format(shlex.join(command))],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def rows(self, name="first"):
        files = list((self.storage / name).glob("*/result.json"))
        lines = [line for f in files for line in f.read_text().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def status(self, name="first"):
        return json.loads((self.storage / name / "manifest.json").read_text())["status"]

    def end(self, act):
        """Do something to the run; exit code, output and errors, with nothing of it left."""
        family, since = self.family(), psutil.Process(self.process.pid).create_time()
        act(self)
        printed, errors = self.process.communicate(timeout=END_S)
        assert not psutil.wait_procs(family, timeout=30)[1]
        assert not folders_of(self.process.pid, since)
        assert "Traceback" not in errors + printed
        return self.process.returncode, printed, errors

    def resume_line(self):
        return f"rllib train file {self.file} --storage-path {self.storage} --resume"


def signal_to(number, *, group=False):
    def act(run):
        (os.killpg if group else os.kill)(run.process.pid, number)

    return act


def kill(name):
    def act(run):
        (server,) = (p for p in run.family() if p.name() == name)
        server.kill()

    return act


MOMENTS = {
    "Ray starts": lambda run: any(p.name() == "gcs_server" for p in run.family()),
    "before a result": lambda run: list(run.storage.glob("first/*/params.json")),
    "a checkpoint": lambda run: list(run.storage.glob("first/*/checkpoint_*")),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
def test_a_signal_at_any_moment_ends_orderly(tmp_path, moment, number):
    """The whole process group gets it, as from a terminal, `timeout` or a batch system."""
    run = Run(tmp_path, checkpoint_freq=1).start()
    run.wait(lambda: MOMENTS[moment](run))
    code, printed, errors = run.end(signal_to(number, group=True))
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert code == 130, errors
    if moment == "Ray starts":
        again = run.resume_line().removesuffix(" --resume")
        assert f"interrupted by {name}; start again with: {again}\n" in errors
        return
    assert run.status() == "interrupted"
    assert f"interrupted by {name}; continue with: {run.resume_line()}\n" in printed
    assert "not started: second; --resume starts them\n" in errors
    if moment == "a checkpoint":
        newest = max(run.storage.glob("first/*/checkpoint_*"))
        assert iteration_of(newest) == run.rows()[-1]["training_iteration"]


def test_a_signal_between_two_experiments_keeps_the_first(tmp_path):
    run = Run(tmp_path)
    entries = yaml.safe_load(run.file.read_text())
    entries["first"]["stop"] = {"training_iteration": 3}
    run.file.write_text(yaml.safe_dump(entries))
    run.start()
    manifest = run.storage / "first" / "manifest.json"
    run.wait(lambda: manifest.exists() and run.status() == "done")
    code, _, errors = run.end(signal_to(signal.SIGTERM))
    assert (code, run.status()) == (130, "done"), errors
    if "not started" not in errors:
        assert run.status("second") == "interrupted"


@pytest.mark.parametrize("server", ["raylet", "gcs_server"])
def test_a_dead_server_of_ray_ends_the_run_and_a_resume_goes_on(tmp_path, server):
    run = Run(tmp_path, iterations=400, names=("first",), checkpoint_freq=5).start()
    run.wait(lambda: len(run.rows()) > 7)
    code, _, errors = run.end(kill(server))
    assert (code, run.status()) == (1, "failed"), errors
    kept = "complete files are kept, continue with"
    cause = f"Ray's {server} process ended (SIGKILL)"
    assert f"{run.storage}/first: {cause}; {kept}: {run.resume_line()}\n" in errors
    assert (run.storage / "first" / "ray_logs" / "raylet.out").exists()
    _, errors = run.start("--resume").process.communicate(timeout=PATIENCE_S)
    assert (run.process.returncode, run.status()) == (0, "done"), errors
    assert [row["training_iteration"] for row in run.rows()] == list(range(1, 401))


def test_a_closed_output_does_not_end_training(tmp_path):
    run = Run(tmp_path, iterations=3, names=("first",))
    run.start(line="set -o pipefail; {} 2>&1 | head -1")
    printed, _ = run.process.communicate(timeout=PATIENCE_S)
    assert (run.process.returncode, run.status()) == (0, "done")
    assert len(printed.splitlines()) == 1
    assert len(run.rows()) == 3


def test_a_renamed_folder_ends_its_experiment_and_the_next_one_runs(tmp_path):
    run = Run(tmp_path, checkpoint_freq=5)
    entries = yaml.safe_load(run.file.read_text())
    entries["second"]["stop"] = {"training_iteration": 2}
    run.file.write_text(yaml.safe_dump(entries))
    run.start()
    run.wait(lambda: len(run.rows()) > 7)
    moved = run.storage / "moved"
    (run.storage / "first").rename(moved)
    _, errors = run.process.communicate(timeout=PATIENCE_S)
    assert (run.process.returncode, run.status("moved")) == (1, "failed"), errors
    assert run.status("second") == "done"
    assert "Traceback" not in errors
    assert f"{run.storage}/first: was renamed or removed during training" in errors
    assert f"rename {moved} back and continue with: {run.resume_line()}\n" in errors
    assert not (run.storage / "first").exists()
    moved.rename(run.storage / "first")
    run.start("--resume")
    before = len(run.rows())
    run.wait(lambda: len(run.rows()) > before)
    code, _, errors = run.end(signal_to(signal.SIGINT))
    assert (code, run.status()) == (130, "interrupted"), errors


def test_a_removed_manifest_is_written_anew(tmp_path):
    run = Run(tmp_path, names=("first",)).start()
    run.wait(lambda: len(run.rows()) > 2)
    manifest = Path(run.storage / "first" / "manifest.json")
    before = json.loads(manifest.read_text())
    manifest.unlink()
    code, _, errors = run.end(signal_to(signal.SIGINT))
    assert code == 130, errors
    after = json.loads(manifest.read_text())
    assert after["status"] == "interrupted"
    assert {key: after[key] for key in before if key != "status"} == {
        key: before[key] for key in before if key != "status"
    }


def test_a_ray_that_cannot_start_is_one_line(tmp_path):
    run = Run(tmp_path, names=("first",))
    blocked = tmp_path / "not-a-folder"
    blocked.write_text("")
    run.start(line=f"RAY_TMPDIR={blocked} {{}}")
    printed, errors = run.process.communicate(timeout=PATIENCE_S)
    assert run.process.returncode == 1
    assert "Traceback" not in errors + printed
    assert errors.splitlines()[-1].startswith("Ray did not start: ")
    assert not run.storage.exists()
