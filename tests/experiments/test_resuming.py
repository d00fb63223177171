"""Several experiments after an interruption: nothing more starts, and a resume starts the rest."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest
from rich.console import Console

from experiments.errors import RequestError
from experiments.experiment import Experiment
from experiments.launch import _checked, _run_all
from experiments.options import FileOptions
from experiments.ownership import mark_as_own
from experiments.resuming import begun_before

CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 128,
    "minibatch_size": 64,
    "num_epochs": 1,
    "seed": 1,
    "model": {"fcnet_hiddens": [8]},
}


def experiments(folder, iterations=40):
    return [
        Experiment(
            name,
            "PPO",
            "CartPole-v1",
            CONFIG,
            {"training_iteration": stop},
            storage_path=str(folder),
        )
        for name, stop in (("first", iterations), ("second", 1))
    ]


def interrupt_at_the_first_result(folder):
    """A thread that sends this process one Ctrl-C, as soon as a trial below has a result."""

    def wait():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if any(file.stat().st_size for file in folder.glob("*/result.json")):
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_an_interruption_ends_all_and_a_resume_goes_on_with_all(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    said = (tmp_path / "said.txt").open("w")
    notes, options = Console(file=said, soft_wrap=True), FileOptions(ray_num_cpus=4)
    jobs = [_checked(experiment, options) for experiment in experiments(tmp_path)]
    thread = interrupt_at_the_first_result(tmp_path / "first")
    assert _run_all(jobs, options, [], notes) == 130
    thread.join()
    assert not (tmp_path / "second").exists()
    said.flush()
    assert (tmp_path / "said.txt").read_text() == "not started: second; --resume starts them\n"

    options = FileOptions(ray_num_cpus=4, resume=True)
    asked = experiments(tmp_path)
    begun = begun_before(asked, options)
    assert begun == [True, False]
    jobs = [_checked(e, options, resume) for e, resume in zip(asked, begun, strict=True)]
    assert _run_all(jobs, options, [], notes) == 0
    for name, resumed in (("first", 1), ("second", 0)):
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        assert (manifest["status"], len(manifest.get("resumed", []))) == ("done", resumed)


def refused(folder):
    with pytest.raises(RequestError) as caught:
        begun_before(experiments(folder), FileOptions(resume=True))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_go_on_is_one_line(tmp_path):
    assert refused(tmp_path) == (
        f"--resume: there is no experiment to continue in {tmp_path / 'first'}"
    )
    folder = tmp_path / "second"
    folder.mkdir()
    assert "no experiment to continue in" in refused(tmp_path)
    (folder / "tuner.pkl").write_bytes(b"")
    missing = f"{folder / 'manifest.json'}: --resume: is missing or damaged"
    assert refused(tmp_path).startswith(missing)
    (folder / "manifest.json").write_text("{")
    assert refused(tmp_path).startswith(missing)
    (folder / "manifest.json").write_text('{"status": "interrupted"}')
    assert "--resume: was not made here by your own rllib command" in refused(tmp_path)
    trusting = FileOptions(resume=True, trust_checkpoint=True)
    assert begun_before(experiments(tmp_path), trusting) == [False, True]
    assert mark_as_own(folder)
    assert begun_before(experiments(tmp_path), FileOptions(resume=True)) == [False, True]
    assert begun_before(experiments(tmp_path), FileOptions()) == [False, False]
