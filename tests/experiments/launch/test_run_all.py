"""Several experiments of a file: what one that fails does to the others, and the exit code."""

from __future__ import annotations

import json

import pytest
from small_runs import CONFIG

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch import run
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.run import run_all
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.provenance.manifest import (
    MANIFEST_NAME,
    finish_manifest,
    read_manifest,
    write_manifest,
)
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.tune.signals import active


def jobs(*folders):
    return [
        validate_job(
            Experiment(
                "run",
                "PPO",
                "CartPole-v1",
                CONFIG,
                {"training_iteration": 1},
                storage_path=str(folder),
            ),
            FileOptions(ray_num_cpus=4),
        )
        for folder in folders
    ]


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_experiments_after_a_failed_one_run(tmp_path, capsys, monkeypatch):
    names = ("first", "second", "third")
    first, second, third = jobs(*(tmp_path / name for name in names))
    (tmp_path / "third").write_text("a file since the checks")
    new_tuner = run.tuner.new_tuner

    def failing_first(job, *more):
        if job.folder == first.folder:
            raise FloatingPointError("unexpected")
        return new_tuner(job, *more)

    monkeypatch.setattr(run.tuner, "new_tuner", failing_first)
    assert run_all([first, second], FileOptions(ray_num_cpus=4)) == 1
    assert run_all([third], FileOptions(ray_num_cpus=4)) == 2
    _, errors = capsys.readouterr()
    assert "Traceback" not in errors
    assert f"{third.folder}: cannot be written: Not a directory\n" in errors
    (line,) = (x for x in errors.splitlines() if x.startswith(f"{first.folder}: "))
    assert "FloatingPointError: unexpected (full traceback: " in line
    manifest = json.loads((second.folder / MANIFEST_NAME).read_text())
    assert manifest["status"] == "done"


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [([0, 0], 0), ([1, 0], 1), (["refused", 1, 0], 2), ([0, 130, "not reached"], 130)],
)
def test_the_exit_code_is_the_highest(monkeypatch, capsys, outcomes, code):
    reached = []

    class Named:
        class experiment:
            name = "x"

    def run_job(job, options):
        outcome = outcomes[len(reached)]
        reached.append(outcome)
        if outcome == 130:
            active()._request("SIGTERM", 0.0)
        if outcome == "refused":
            raise RequestError("is in use", file="folder")
        return outcome

    monkeypatch.setattr(run, "run_job", run_job)
    assert run_all([Named] * len(outcomes), FileOptions()) == code
    _, errors = capsys.readouterr()
    assert reached == [outcome for outcome in outcomes if outcome != "not reached"]
    assert ("folder: is in use\n" in errors) == ("refused" in outcomes)
    assert ("not started: x; --resume starts them\n" in errors) == ("not reached" in outcomes)


def test_a_removed_manifest_is_written_whole_again(tmp_path):
    write_manifest(tmp_path, {"status": "running", "command": "rllib train"})
    (tmp_path / MANIFEST_NAME).unlink()
    finish_manifest(tmp_path, "done", [], [])
    manifest = read_manifest(tmp_path)
    assert (manifest["status"], manifest["command"]) == ("done", "rllib train")
    never_begun = tmp_path / "none"
    finish_manifest(never_begun, "failed", [], [])
    assert not never_begun.exists()
