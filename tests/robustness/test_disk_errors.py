"""Disks that are full, read-only or have lost the end of a file: refused or stopped in one line."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time

import pytest
from small_disk import small_disk
from small_runs import experiment, iterations_in, run, trial_of

from rllib_zoo.algorithms.base.checkpoints import CHECKSUMS
from rllib_zoo.experiments.cli.main import main
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.evaluate import evaluate_checkpoint
from rllib_zoo.experiments.evaluation.export import export
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.options import EvaluateOptions, FileOptions
from rllib_zoo.experiments.provenance.trust import mark_as_own

pytestmark = pytest.mark.ray


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "12m") as disk:
        yield disk


def after_the_first_checkpoint(folder, act):
    """A thread that does something to the disk as soon as a checkpoint is whole."""

    def wait():
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            if list(folder.glob(f"run/*/checkpoint_*/{CHECKSUMS}")):
                return act()
            time.sleep(0.01)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "no_strict_metric")
def test_a_disk_that_fills_up_in_training(disk, capsys):
    # Retries would fail again, so there are none.
    request = experiment(disk.folder, {"training_iteration": 30}, max_failures=5)
    thread = after_the_first_checkpoint(disk.folder, disk.fill)
    assert run(request) == 1
    thread.join()
    output, reason = capsys.readouterr().err, "No space left on device"
    (line,) = (line for line in output.splitlines() if reason in line and "continue with" in line)
    assert line.startswith(f"{disk.folder / 'run'}: {reason}; complete files are kept")
    assert "--resume" in line

    disk.empty()
    before = iterations_in_whole_lines(trial_of(disk.folder) / "result.json")
    assert before == list(range(1, len(before) + 1))
    assert 2 <= len(before) < 30
    assert run(request, resume=True) == 0
    assert iterations_in(trial_of(disk.folder) / "result.json") == list(range(1, 31))


def iterations_in_whole_lines(file):
    whole = file.with_name("whole.json")
    content = file.read_text()
    whole.write_text(content[: content.rindex("\n") + 1])
    try:
        return iterations_in(whole)
    finally:
        whole.unlink()


def refusal(request, resume=False):
    with pytest.raises(RequestError) as caught:
        validate_job(request, FileOptions(ray_num_cpus=4, resume=resume), resume)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_disk_that_is_full_or_read_only_is_refused(disk):
    request = experiment(disk.folder)
    disk.fill(leave=4096)
    assert "run needs about" in refusal(request)
    disk.empty()
    disk.read_only()
    for resume in (False, True):
        message = refusal(request, resume)
        assert message.endswith(f"cannot be written: {disk.folder}: Read-only file system")
    assert [path.name for path in disk.folder.iterdir()] == []


@pytest.fixture(scope="module")
def finished(ray_session, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
        storage = tmp_path_factory.mktemp("finished")
        assert run(experiment(storage, {"training_iteration": 2}, checkpoint_frequency=1)) == 0
        yield storage


@pytest.fixture
def trial(finished, tmp_path):
    copy = shutil.copytree(trial_of(finished), tmp_path / "trial")
    assert mark_as_own(copy)
    return copy


def commands(trial, tmp_path):
    """Every way to use a trial's last checkpoint."""
    newest = trial / "checkpoint_000001"
    return [
        lambda: evaluate_checkpoint(trial, EvaluateOptions(episodes=1)),
        lambda: evaluate_checkpoint(newest, EvaluateOptions(episodes=1)),
        lambda: export([trial], tmp_path / "agent", episodes=1, seed=0, force=False),
        lambda: validate_job(
            experiment(tmp_path / "other"), FileOptions(ray_num_cpus=4, restore=str(newest))
        ),
    ]


def test_a_checkpoint_that_is_cut_is_refused_by_every_command(trial, tmp_path):
    newest, older = trial / "checkpoint_000001", trial / "checkpoint_000000"
    files = sorted(file for file in newest.rglob("*") if file.is_file())
    uses = commands(trial, tmp_path)
    # Of every file a third of the tenths; every tenth and every command are tried.
    for number, file in enumerate(files):
        whole = file.read_bytes()
        for tenth in range(number % 3, 10, 3):
            os.truncate(file, len(whole) * tenth // 10)
            with pytest.raises(RequestError) as caught:
                uses[(number + tenth) % len(uses)]()
            message = str(caught.value)
            assert message.startswith(f"{file}: ")
            assert message.endswith(f"the newest complete one before it: {older}")
            assert "\n" not in message
        file.write_bytes(whole)
    assert not (tmp_path / "agent").exists()
    assert evaluate_checkpoint(trial, EvaluateOptions(episodes=1)).episodes == 1


def test_an_empty_folder_by_a_checkpoints_name_is_not_passed_over(trial):
    (trial / "checkpoint_000002").mkdir()
    with pytest.raises(
        RequestError, match=r"rllib_checkpoint\.json: is missing: the checkpoint is"
    ):
        evaluate_checkpoint(trial, EvaluateOptions(episodes=1))


def test_the_command_says_it_in_one_line_and_ends_with_2(trial, monkeypatch, capsys):
    os.truncate(trial / "checkpoint_000001" / "algorithm_state.pkl", 10)
    monkeypatch.setattr(sys, "argv", ["rllib", "evaluate", str(trial), "--episodes", "1"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "algorithm_state.pkl: has 10 of" in line


def test_weights_of_an_earlier_release_that_are_cut_are_refused_too(trial):
    """Without checksums nothing is detected before they are read."""
    newest = trial / "checkpoint_000001"
    (newest / CHECKSUMS).unlink()
    metadata = newest / "rllib_checkpoint.json"
    metadata.write_text(metadata.read_text().replace("contents_file", "another_file"))
    assert evaluate_checkpoint(trial, EvaluateOptions(episodes=1)).episodes == 1
    weights = newest / "learner_group/learner/rl_module/default_policy/module_state.pkl"
    for tenth in range(10):
        os.truncate(weights, weights.stat().st_size * (9 - tenth) // 10)
        with pytest.raises(RequestError, match="default_policy: cannot be read"):
            evaluate_checkpoint(trial, EvaluateOptions(episodes=1))
