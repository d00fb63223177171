"""Several experiments after an interruption: nothing more starts, and a resume starts the rest."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest
from small_runs import CONFIG

from rllib_zoo.algorithms.base.checkpoints import iteration_of
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.resume import can_resume
from rllib_zoo.experiments.launch.run import run_all
from rllib_zoo.experiments.launch.tuner import restored_tuner
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.provenance.trust import mark_as_own
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.tune.loggers import REPEATED
from rllib_zoo.experiments.tune.signals import Interruption, interruption

ITERATIONS = 40


def resumable(experiments, options):
    return [can_resume(experiment, options) for experiment in experiments]


def experiments(folder, iterations=ITERATIONS):
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


def signal_at_the_first_result(folder, signals):
    """A thread that sends this process signals, as soon as a trial below has a result."""

    def wait():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if any(file.stat().st_size for file in folder.glob("*/result.json")):
                for number in signals:
                    os.kill(os.getpid(), number)
                    time.sleep(0.05)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interruption_ends_all_and_a_resume_goes_on_with_all(
    tmp_path, monkeypatch, capsys, number
):
    monkeypatch.setattr("sys.argv", ["rllib", "train", "file", "two.yaml"])
    options = FileOptions(ray_num_cpus=4)
    jobs = [validate_job(experiment, options) for experiment in experiments(tmp_path)]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    thread = signal_at_the_first_result(tmp_path / "first", [number])
    assert run_all(jobs, options) == 130
    thread.join()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert not (tmp_path / "second").exists()
    printed, errors = capsys.readouterr()
    assert "not started: second; --resume starts them\n" in errors
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    line = f"interrupted by {name}; continue with: rllib train file two.yaml --resume\n"
    assert line in printed
    # No checkpoint_frequency was given: this one is the interruption's, after the last result.
    ((trial, played),) = results_below(tmp_path / "first").items()
    (checkpoint,) = trial.glob("checkpoint_*")
    assert iteration_of(checkpoint) == len(played) < ITERATIONS

    options = FileOptions(ray_num_cpus=4, resume=True)
    asked = experiments(tmp_path)
    begun = resumable(asked, options)
    assert begun == [True, False]
    jobs = [validate_job(e, options, resume) for e, resume in zip(asked, begun, strict=True)]
    assert run_all(jobs, options) == 0
    for name, resumed in (("first", 1), ("second", 0)):
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        assert (manifest["status"], len(manifest.get("resumed", []))) == ("done", resumed)
    ((trial, rows),) = results_below(tmp_path / "first").items()
    assert [row["training_iteration"] for row in rows] == list(range(1, ITERATIONS + 1))
    assert rows[: len(played)] == played
    assert not (trial / REPEATED).exists()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_a_second_signal_ends_at_once(tmp_path):
    options = FileOptions(ray_num_cpus=4)
    job = validate_job(experiments(tmp_path, iterations=10_000)[0], options)
    thread = signal_at_the_first_result(tmp_path / "first", [signal.SIGINT, signal.SIGINT])
    assert run_all([job], options) == 130
    thread.join()
    manifest = json.loads((tmp_path / "first" / "manifest.json").read_text())
    assert manifest["status"] == "interrupted"


def test_a_signal_before_tune_runs_is_a_keyboard_interrupt():
    with Interruption() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption() is asked
        assert not asked.overdue()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert interruption() is None


def results_below(folder):
    """Trial → its results."""
    files = folder.glob("*/result.json")
    return {f.parent: [json.loads(x) for x in f.read_text().splitlines()] for f in files}


def refused(folder):
    with pytest.raises(RequestError) as caught:
        resumable(experiments(folder), FileOptions(resume=True))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def state_of(folder, trials=("a trial",)):
    (folder / "tuner.pkl").write_bytes(b"")
    state = folder / "experiment_state-2026-01-01.json"
    state.write_text(json.dumps({"trial_data": list(trials)}))
    return state


def test_what_cannot_go_on_is_one_line(tmp_path):
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "thesis.tex").write_text("not ours")
    assert f"no experiment to continue in {folder}" in refused(tmp_path)
    (folder / "thesis.tex").unlink()
    state = state_of(folder)
    missing = f"{folder / 'manifest.json'}: --resume: is missing or damaged"
    assert refused(tmp_path).startswith(missing)
    (folder / "manifest.json").write_text("{")
    assert refused(tmp_path).startswith(missing)
    (folder / "manifest.json").write_text('{"status": "interrupted"}')
    assert "--resume: was not created here by your rllib command" in refused(tmp_path)
    trusting = FileOptions(resume=True, trust_checkpoint=True)
    assert resumable(experiments(tmp_path), trusting) == [False, True]
    assert mark_as_own(folder)
    assert resumable(experiments(tmp_path), FileOptions(resume=True)) == [False, True]
    assert resumable(experiments(tmp_path), FileOptions()) == [False, False]

    whole = state.read_text()
    for tenth in range(10):
        state.write_text(whole[: len(whole) * tenth // 10])
        assert refused(tmp_path).startswith(f"{state}: --resume: is cut off or damaged; --force")
    state.with_name("experiment_state-2025-01-01.json").write_text(whole)
    assert "delete it to resume from the previous state" in refused(tmp_path)


def test_what_was_not_begun_starts(tmp_path):
    """Killed before the folder, before the manifest, before Tune, before Tune's first save."""
    resume, folder = FileOptions(resume=True, ray_num_cpus=4), tmp_path / "first"
    asked = experiments(tmp_path)[:1]
    assert resumable(asked, resume) == [False]
    folder.mkdir()
    (folder / ".manifest.json.17.draft").write_text("{")
    assert resumable(asked, resume) == [False]
    (folder / "manifest.json").write_text('{"status": "running"}')
    assert resumable(asked, resume) == [False]
    (folder / "tuner.pkl").write_bytes(b"")
    assert resumable(asked, resume) == [False]
    state_of(folder, trials=())
    assert mark_as_own(folder)
    assert resumable(asked, resume) == [False]
    assert not validate_job(asked[0], resume).resume
    state_of(folder)
    assert resumable(asked, resume) == [True]


def test_a_damaged_description_is_one_line(tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"status": "interrupted"}')
    state_of(folder)
    options = FileOptions(resume=True, ray_num_cpus=4)
    with pytest.raises(RequestError) as caught:
        restored_tuner(validate_job(experiments(tmp_path)[0], options, resume=True))
    assert str(caught.value).startswith(f"{folder / 'tuner.pkl'}: cannot be read: ")
    assert json.loads((folder / "manifest.json").read_text()) == {"status": "interrupted"}
