"""A run owns its folder while it writes: who comes second is refused, and who is refused changes nothing."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
from small_runs import experiment

from rllib_zoo.analysis.files.atomic import free_name
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch import run as run_module
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.launch import launch
from rllib_zoo.experiments.launch.ownership import move_aside, owned, require_available
from rllib_zoo.experiments.launch.resume import can_resume, hide_unsaved_trials
from rllib_zoo.experiments.launch.run import run_all
from rllib_zoo.experiments.launch.tuner import let_tune_read, tune_states
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.provenance.folder_lock import LOCK, FolderLock, InUseError

OPTIONS = [FileOptions(), FileOptions(resume=True), FileOptions(force=True)]
NAMES = ["start", "resume", "force"]
START, RESUME, FORCE = OPTIONS


def filled(folder, **manifest):
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"command": "rllib train x", **manifest}))
    return folder


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_a_folder_in_use_is_refused_and_left_alone(tmp_path, options):
    folder = filled(tmp_path / "run", status="running")
    FolderLock(folder).acquire()
    before = content(tmp_path)
    for check in (require_available, lambda *asked: owned(*asked).__enter__()):
        with pytest.raises(InUseError, match=f"is in use by process {os.getpid()} on .* since "):
            check(folder, options)
    with pytest.raises(InUseError):
        launch([experiment(tmp_path)], replace(options, dry_run=True))
    assert content(tmp_path) == before


def test_what_exists_needs_an_option(tmp_path):
    folder = filled(tmp_path / "run")
    with pytest.raises(RequestError, match=r"run exists; use --resume to continue it, --force"):
        require_available(folder, START)
    with pytest.raises(RequestError, match="exists, begun meanwhile by: rllib train x; use"):
        owned(folder, START).__enter__()
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    for options in (RESUME, FORCE):
        require_available(folder, options)
        with owned(folder, options):
            pass
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "link"):
        with pytest.raises(RequestError, match=f"{name} exists"):
            require_available(tmp_path / name, START)
        with pytest.raises(RequestError, match=f"{name}: cannot be written"):
            owned(tmp_path / name, RESUME).__enter__()
        with owned(tmp_path / name, FORCE) as lock:
            assert lock.holder()
        assert len(list(tmp_path.glob(f"{name}.*"))) == 1


def test_nothing_is_moved_aside_before_it_is_written(tmp_path, capsys):
    folder = filled(tmp_path / "run")
    for _ in range(3):  # within one second
        with owned(folder, FORCE) as lock:
            move_aside(lock)
            assert [path.name for path in folder.iterdir()] == [LOCK]
            (folder / "result.json").touch()
    assert capsys.readouterr().err.count(f"note: the earlier run was moved to {folder}.") == 3
    with owned(folder, RESUME):
        pass
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == "run"
    assert len(names) == 4
    assert not list(tmp_path.glob(f"*/{LOCK}*"))


def test_a_free_name_is_free(tmp_path):
    for _ in range(3):
        free_name(tmp_path / "run").mkdir()
    assert len(list(tmp_path.iterdir())) == 3


def test_an_experiment_begun_meanwhile_is_refused_and_the_others_run(tmp_path, monkeypatch, capsys):
    """Three experiments of a file: the second is in use, the third was begun and has ended."""
    asked = [replace(experiment(tmp_path), name=name) for name in ("first", "second", "third")]
    options = FileOptions(ray_num_cpus=4)
    jobs = [validate_job(each, options) for each in asked]
    ran = []

    def run(job, options, lock):
        assert lock.holder()
        ran.append(job.experiment.name)
        FolderLock(filled(tmp_path / "second")).acquire()
        filled(tmp_path / "third", status="done")
        return 0

    monkeypatch.setattr(run_module, "_run_owned", run)
    assert run_all(jobs, options) == 2
    errors = capsys.readouterr().err.splitlines()
    assert ran == ["first"]
    assert len(errors) == 2
    assert f"second: is in use by process {os.getpid()} on" in errors[0]
    assert "third exists, begun meanwhile by: rllib train x" in errors[1]
    assert not (tmp_path / "first").exists()
    # With --resume the third is done, and the first would run after the refused second.
    jobs = [validate_job(each, replace(options, resume=True)) for each in (asked[2], asked[0])]
    monkeypatch.setattr(run_module, "_run_owned", lambda *_: 0)
    assert run_all(jobs, replace(options, resume=True)) == 0
    assert "third is done: nothing to resume" in capsys.readouterr().out


def test_what_is_done_is_not_resumed(tmp_path, capsys):
    folder = filled(tmp_path / "run", status="done", stop={"training_iteration": 6})
    (folder / "tuner.pkl").touch()
    before = content(tmp_path)
    assert launch([experiment(tmp_path)], RESUME) == 0
    assert capsys.readouterr() == (f"{folder} is done: nothing to resume\n", "")
    assert launch([experiment(tmp_path, {"training_iteration": 9})], RESUME) == 0
    assert (
        "until {'training_iteration': 6}, not {'training_iteration': 9}" in capsys.readouterr().err
    )
    assert content(tmp_path) == before


def test_trials_that_were_never_saved_are_hidden(tmp_path, capsys):
    for name in ("PPO_one", ".unsaved_PPO_one", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "params.json").touch()
    (tmp_path / "ray_logs").mkdir()
    hide_unsaved_trials(tmp_path)
    visible = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert visible == ["ray_logs"]
    assert len(list(tmp_path.iterdir())) == 4
    assert (
        "PPO_one was never saved in Tune's state: renamed to .unsaved_PPO_one."
        in capsys.readouterr().err
    )


def state(folder, name, rounds, trials, start=0.0):
    file = folder / f"experiment_state-{name}.json"
    runner, stats = {"_iteration": rounds}, {"start_time": start}
    file.write_text(json.dumps({"trial_data": trials, "runner_data": runner, "stats": stats}))
    (folder / f"search_gen_state-{name}.json").write_text(name)
    return file


def test_the_state_that_went_furthest_is_read_whatever_its_name(tmp_path):
    """Begun in Tokyo, continued in New York, where it was yesterday."""
    tokyo = state(tmp_path, "2026-12-01_02-00-00", 40, ["a"], 1000.0)
    new_york = state(tmp_path, "2026-11-30_13-00-00", 90, ["a", "b"], 2000.0)
    assert tune_states(tmp_path) == [new_york, tokyo]
    let_tune_read(new_york)
    last = max(tmp_path.glob("experiment_state-*.json"))
    assert last.read_bytes() == new_york.read_bytes()
    search = max(tmp_path.glob("search_gen_state-*.json"))
    assert search.read_text() == "2026-11-30_13-00-00"
    # Again: nothing to do.
    before = content(tmp_path)
    let_tune_read(tune_states(tmp_path)[0])
    assert content(tmp_path) == before
    # Without a count the session's start decides.
    for file, start in ((tokyo, 1.0), (new_york, 2.0)):
        file.write_text(json.dumps({"trial_data": [], "stats": {"start_time": start}}))
    last.unlink()
    assert tune_states(tmp_path) == [new_york, tokyo]


def test_a_state_that_sorts_last_is_left_alone(tmp_path):
    state(tmp_path, "2026-11-30_13-00-00", 40, ["a"])
    newest = state(tmp_path, "2026-11-30_14-00-00", 90, ["a"])
    before = content(tmp_path)
    let_tune_read(tune_states(tmp_path)[0])
    assert tune_states(tmp_path)[0] == newest
    assert content(tmp_path) == before


def test_a_resume_of_what_vanished_starts(tmp_path):
    filled(tmp_path / "run", status="interrupted")
    shutil.rmtree(tmp_path / "run")
    assert not can_resume(experiment(tmp_path), RESUME)
