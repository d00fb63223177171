"""Checkpoints of others: nothing in them is unpickled without a word, whatever command meets them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys

import pytest
import yaml
from typer.testing import CliRunner

from rllib_zoo.experiments.cli.main import app, main
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.summary import resume_command
from rllib_zoo.experiments.provenance import trust as ownership
from rllib_zoo.experiments.provenance.trust import (
    MARK,
    is_own,
    key_file,
    mark_as_own,
    require_trusted,
)

MESSAGE = "was not created here by your rllib command"


class Bomb:
    """Unpickled, it makes the folder named in the environment variable BOMB."""

    def __reduce__(self):
        return (os.mkdir, (os.environ.get("BOMB", "exploded"),))


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """An experiment folder from elsewhere, every pickle in it a bomb."""
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    (tmp_path / "mine").mkdir()
    assert mark_as_own(tmp_path / "mine")  # there is a key to compare with
    folder = tmp_path / "results" / "theirs"
    checkpoint = folder / "PPO_trial" / "checkpoint_000000"
    inner = checkpoint / "learner_group" / "learner" / "rl_module" / "default_policy"
    inner.mkdir(parents=True)
    for place in (checkpoint, inner):
        for name in ("class_and_ctor_args.pkl", "algorithm_state.pkl", "module_state.pkl"):
            (place / name).write_bytes(pickle.dumps(Bomb()))
    for name in ("tuner.pkl", "trainable.pkl"):
        (folder / name).write_bytes(pickle.dumps(Bomb()))
    # Without them nothing there would be taken for begun, or for a checkpoint.
    (folder / "experiment_state-2026-01-01.json").write_text('{"trial_data": ["a trial"]}')
    (checkpoint / "rllib_checkpoint.json").write_text('{"type": "Algorithm"}')
    entry = {
        "run": "PPO",
        "env": "CartPole-v1",
        "stop": {"training_iteration": 2},
        "config": {"num_env_runners": 0},
        "storage_path": str(folder.parent),
    }
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump({"theirs": entry}))
    config = {"num_env_runners": 0, "restore_from": str(checkpoint)}
    grid = {"num_env_runners": 0, "restore_from": {"grid_search": [None, str(checkpoint)]}}
    for name, settings in (("starts", config), ("grid", grid)):
        (tmp_path / f"{name}.yaml").write_text(
            yaml.safe_dump({name: {**entry, "config": settings}})
        )
    manifest = {
        "manifest_version": 1,
        "status": "interrupted",
        "algorithm": "PPO",
        "env": "CartPole-v1",
        "config_given": {"num_env_runners": 0},
        "stop": {"training_iteration": 2},
        "restore_from": str(checkpoint),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    # Made up, or copied from another folder of the same person's.
    (folder / MARK).write_text("0" * 64)
    return folder


COMMANDS = {
    "evaluate a checkpoint": ["evaluate", "results/theirs/PPO_trial/checkpoint_000000"],
    "evaluate an experiment": ["evaluate", "results/theirs"],
    "export": ["agent", "export", "results/theirs", "-o", "agent"],
    "restore": ["train", "file", "starts.yaml", "-n", "x", "--restore", "results/theirs"],
    "a file that starts from it": ["train", "file", "starts.yaml"],
    "a grid that starts from it": ["train", "file", "grid.yaml"],
    "set": [
        *["train", "file", "theirs.yaml", "-n", "x", "--set"],
        "restore_from=results/theirs/PPO_trial/checkpoint_000000",
    ],
    "resume": ["train", "file", "theirs.yaml", "--resume"],
    "reproduce": ["reproduce", "results/theirs", "--storage-path", "again"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_nothing_of_strangers_is_unpickled_without_a_word(
    strangers, arguments, monkeypatch, capsys
):
    monkeypatch.chdir(strangers.parents[1])
    monkeypatch.setattr(sys, "argv", ["rllib", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert ended.value.code == 2
    (line,) = captured.err.splitlines()
    assert MESSAGE in line
    assert line.endswith("; if you trust its origin: --trust-checkpoint")
    assert not (strangers.parents[1] / "exploded").exists()


def test_the_bombs_explode_where_they_are_trusted(strangers, monkeypatch):
    """Otherwise the test above could not fail."""
    monkeypatch.chdir(strangers.parents[1])
    arguments = [*COMMANDS["evaluate an experiment"], "--trust-checkpoint"]
    done = CliRunner().invoke(app, arguments)
    assert "cannot be read" in str(done.exception)  # a bomb is no checkpoint
    assert (strangers.parents[1] / "exploded").is_dir()


# --- what is one's own -------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    checkpoint = tmp_path / "mine" / "trial" / "checkpoint_000003"
    checkpoint.mkdir(parents=True)
    assert mark_as_own(tmp_path / "mine")
    return checkpoint


def test_an_experiment_its_trials_and_their_checkpoints_are_own(own):
    assert all(is_own(path) for path in (own, own.parent, own.parents[1]))
    assert not is_own(own.parents[2])
    require_trusted(own, trusted=False)
    (own / "inside").mkdir()
    assert not is_own(own / "inside"), "Tune puts nothing there"


def test_a_copied_or_moved_folder_is_not(own, tmp_path):
    shutil.copytree(tmp_path / "mine", tmp_path / "copy")
    assert not is_own(tmp_path / "copy" / "trial" / "checkpoint_000003")
    (tmp_path / "mine").rename(tmp_path / "moved")
    assert not is_own(tmp_path / "moved")
    with pytest.raises(RequestError, match=MESSAGE):
        require_trusted(tmp_path / "moved", trusted=False)
    require_trusted(tmp_path / "moved", trusted=True)


def test_a_link_counts_as_what_it_leads_to(own, tmp_path):
    theirs = tmp_path / "theirs" / "trial" / "checkpoint_000000"
    theirs.mkdir(parents=True)
    (own.parent / "checkpoint_000004").symlink_to(theirs)
    assert not is_own(own.parent / "checkpoint_000004")
    (tmp_path / "short").symlink_to(own)
    assert is_own(tmp_path / "short")


def test_another_persons_key_marks_nothing_of_mine(own, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other-person"))
    assert not is_own(own)
    assert mark_as_own(own.parents[1])
    assert is_own(own)
    monkeypatch.undo()
    assert not is_own(own)


@pytest.mark.parametrize("mark", [b"", b"\xff" * 64, b"0" * 64, b"x" * 10_000])
def test_a_made_up_mark_is_none(own, mark):
    (own.parents[1] / MARK).write_bytes(mark)
    assert not is_own(own)


def test_a_pipe_in_place_of_the_mark_keeps_nobody_waiting(own):
    (own.parents[1] / MARK).unlink()
    os.mkfifo(own.parents[1] / MARK)
    assert not is_own(own)


def test_the_key_is_for_its_owner_alone_and_stays(own):
    file = key_file()
    before = file.read_bytes()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    ownership._write_key(file)  # as by a command that started at the same moment
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["key"]


def test_without_a_key_nothing_is_own_and_nothing_fails(own, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    assert not mark_as_own(own.parents[1])
    assert not is_own(own)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # ignored, as the specification requires
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert key_file() == tmp_path / "home" / ".config" / "rllib-zoo" / "key"


def test_a_resume_line_asks_for_trust_where_it_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rllib", "train", "file", "x.yaml", "--force"])
    assert resume_command() == "rllib train file x.yaml --resume"
    trusted = "rllib train file x.yaml --resume --trust-checkpoint"
    assert resume_command(("--trust-checkpoint",)) == trusted
    monkeypatch.setattr(sys, "argv", trusted.split())
    assert resume_command(("--trust-checkpoint",)) == trusted
