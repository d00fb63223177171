"""`--dry-run --measure` trains a little and leaves nothing behind: no file, no folder, no process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from rllib_zoo.experiments.launch.dry_run import concurrent_trials
from rllib_zoo.experiments.launch.jobs import Job
from rllib_zoo.experiments.launch.validation import validation_of
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.spec.experiment import Experiment

CONFIG = {
    "num_env_runners": 1,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 256,
    "minibatch_size": 64,
    "model": {"fcnet_hiddens": [8]},
}


def tree(*folders):
    """Every file and folder below, with size and time of change."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for folder in folders
        for path in [folder, *folder.rglob("*")]
    }


def left_by(mark):
    """Processes whose environment bears the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:  # it ended meanwhile
            continue
    return found


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(960)  # about 15 s on a machine with nothing else to do
def test_a_dry_run_measures_and_leaves_no_trace(tmp_path):
    home, here, storage = (tmp_path / name for name in ("home", "here", "storage"))
    for folder in (home, here, storage):
        folder.mkdir()
    (here / "x.yaml").write_text(
        yaml.safe_dump(
            {
                "x": {
                    "run": "PPO",
                    "env": "CartPole-v1",
                    "stop": {"timesteps_total": 10_000_000},
                    "config": CONFIG,
                }
            }
        )
    )
    mark = f"MARK={tmp_path.name}-{time.monotonic_ns()}"
    name, value = mark.split("=")
    before, temporary = tree(home, here, storage), set(Path("/tmp").glob("rllib-*"))
    command = [
        sys.executable,
        "-m",
        "rllib_zoo.experiments.cli.main",
        "train",
        "file",
        "x.yaml",
        "--dry-run",
    ]
    options = [
        "--seeds",
        "0-3",
        "--storage-path",
        str(storage),
        "--measure",
        "--measure-seconds",
        "3",
    ]
    done = subprocess.run(
        [*command, *options, "--ray-num-cpus", "4"],
        cwd=here,
        env={
            **os.environ,
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            name: value,
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    plan = yaml.safe_load(done.stdout)["x"]
    assert (plan["needs"]["trials"], plan["needs"]["cpus_per_trial"]) == (4, 2)
    told = plan["estimate"]
    assert told["steps_per_second"] > 50
    assert told["memory_mib"] > 300  # two processes with torch
    expected = 10_000_000 / told["steps_per_second"] / 60
    assert expected < told["minutes_per_trial_at_most"] < expected * 1.2 + 5
    # Four trials of two CPUs each on four CPUs: two rounds.
    assert told["rounds"] == 2
    assert 2 * expected < told["minutes_in_all_at_most"] < 2 * expected * 1.2 + 15
    assert 0.05 < told["minutes_besides_training"] < 15
    assert tree(home, here, storage) == before
    assert set(Path("/tmp").glob("rllib-*")) <= temporary
    deadline = time.monotonic() + 30
    while left_by(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_by(mark) == []


def job(trials, cpus, max_concurrent=None):
    config = {"num_env_runners": 0, "num_cpus_for_main_process": cpus, "train_batch_size": 40}
    experiment = Experiment(
        "x", "A2C", "CartPole-v1", config, {"training_iteration": 1}, num_samples=trials
    )
    validation = validation_of(
        replace(experiment, max_concurrent=max_concurrent), FileOptions(ray_num_cpus=8)
    )
    return Job(validation, Path(), None, None, None)


@pytest.mark.parametrize(
    ("trials", "each", "most", "cpus", "expected"),
    [
        (10, 1, None, 4, 4),
        (3, 1, None, 4, 3),
        (10, 2, None, 5, 2),
        (10, 1, 3, 8, 3),
        (10, 8, None, 4, 1),
    ],
)
def test_concurrent_trials(trials, each, most, cpus, expected):
    assert concurrent_trials(job(trials, each, most), cpus) == expected
