"""Sessions: what is done is kept, what is missing is trained, nothing is trained twice."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance.folder_lock import FolderLock, this_owner
from rllib_zoo.experiments.studies.catalog import Budget, Cell, Study
from rllib_zoo.experiments.studies.runs import runs_of, write_greedy
from rllib_zoo.experiments.studies.train import Session, run_study

CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 256,
    "min_sample_timesteps_per_iteration": 256,
    "model": {"fcnet_hiddens": [8]},
}
LONG = 12_800


def tiny(folder, *budgets):
    """A study of A2C on CartPole with a cell per budget, and its config file."""
    file = folder / "tiny.yaml"
    entry = {
        "run": "A2C",
        "env": "CartPole-v1",
        "stop": {"training_iteration": 1},
        "checkpoint_config": {"checkpoint_frequency": 5, "num_to_keep": 1},
        "config": CONFIG,
    }
    file.write_text(yaml.safe_dump({"tiny": entry}))
    cells = tuple(
        Cell(f"tiny{steps}", str(file), "A2C", "CartPole-v1", (0,), Budget(steps), every=256)
        for steps in budgets
    )
    return Study("tiny", "Does it work?", cells, ("learning_curves",))


@pytest.fixture
def make_session(tmp_path):
    """``make_session(*budgets)``: a session that writes its notes to a file."""

    def make(*budgets):
        file = (tmp_path / "notes.txt").open("w")
        notes = Console(file=file, soft_wrap=True)
        study = tiny(tmp_path, *budgets)
        return Session(study, tmp_path / "storage", tmp_path / "results", notes)

    return make


def write_experiment(session, status="done", number=0, **about):
    """An experiment of a cell as an earlier program left it in the storage."""
    cell = session.study.cells[number]
    folder = session.folder(cell, 0)
    (folder / "trial").mkdir(parents=True)
    result = {"env_runners": {"num_env_steps_sampled_lifetime": 100}, "time_total_s": 1.0}
    (folder / "trial" / "result.json").write_text(json.dumps(result) + "\n")
    (folder / "trial" / "params.json").write_text(json.dumps({"seed": 0}))
    trial = {"folder": str(folder / "trial"), "status": status, "checkpoint": None}
    facts = {
        "status": status,
        "started": "2026-01-01T00:00:00+00:00",
        "algorithm": cell.algorithm,
        "env": cell.env,
        "stop": cell.budget.stop,
        "config_given": CONFIG,
        "trials": [trial],
    }
    (folder / "manifest.json").write_text(json.dumps(facts | about))
    return folder


def statuses(session):
    return [run.status for run in runs_of(session.study, session.results)]


def test_what_is_done_in_the_storage_is_kept_and_not_trained(make_session):
    session = make_session(300)
    folder = write_experiment(session)
    before = sorted(folder.rglob("*"))
    assert run_study(session, session.study.runs) == 0
    assert statuses(session) == ["done"]
    assert sorted(folder.rglob("*")) == before


def test_what_is_kept_as_done_needs_no_storage(make_session):
    session = make_session(300)
    write_experiment(session)
    run_study(session, session.study.runs)
    session.storage = session.storage.with_name("elsewhere")
    assert run_study(session, session.study.runs) == 0
    assert [file.name for file in session.storage.iterdir()] == [".study.lock"]


def test_what_was_trained_with_other_settings_is_refused(make_session):
    session = make_session(300)
    folder = write_experiment(session, stop={"timesteps_total": 7})
    with pytest.raises(
        RequestError, match=r"trained with other settings: its stop rule is.*7"
    ) as raised:
        run_study(session, session.study.runs)
    assert str(folder) in str(raised.value)
    assert not session.results.exists()


def test_what_was_trained_with_another_file_is_refused(make_session):
    session = make_session(300)
    write_experiment(session, config_given={**CONFIG, "train_batch_size": 128})
    with pytest.raises(
        RequestError, match=r"its train_batch_size is 128, that of .*tiny\.yaml 256"
    ):
        run_study(session, session.study.runs)
    assert not session.results.exists()


@pytest.mark.parametrize("content", ['{"status": "do', "[]"])
def test_a_damaged_manifest_is_named_and_nothing_is_trained(make_session, content):
    session = make_session(300)
    file = write_experiment(session) / "manifest.json"
    file.write_text(content)
    before = sorted(session.storage.rglob("*"))
    with pytest.raises(RequestError, match=f"{file}: is damaged"):
        run_study(session, session.study.runs)
    assert [
        path for path in sorted(session.storage.rglob("*")) if path.name != ".study.lock"
    ] == before


def test_a_storage_that_is_a_file_is_refused(make_session):
    session = make_session(300)
    session.storage.write_text("mine")
    with pytest.raises(RequestError, match="storage: --storage: is not a folder: File exists"):
        run_study(session, session.study.runs)
    assert session.storage.read_text() == "mine"


def test_greedy_scores_are_played_again_for_another_run(make_session):
    """The checkpoint is nothing that plays: that it was tried is what is looked at."""
    session = make_session(300)
    cell = replace(session.study.cells[0], greedy_episodes=2)
    session.study = replace(session.study, cells=(cell,))
    folder = write_experiment(session)
    facts = json.loads((folder / "manifest.json").read_text())
    facts["trials"][0]["checkpoint"] = str(folder / "trial")
    (folder / "manifest.json").write_text(json.dumps(facts))
    score = {"episodes": 2, "mean": 9.0, "half_width": 0.0}
    write_greedy(session.study, session.results, cell.name, 0, score, facts["started"])
    assert run_study(session, session.study.runs) == 0
    write_greedy(session.study, session.results, cell.name, 0, score, "2025-01-01T00:00:00+00:00")
    assert run_study(session, session.study.runs) == 1
    assert "cannot play its checkpoint" in session.failed[0]


def test_two_sessions_do_not_share_a_storage(make_session):
    session = make_session(300)
    session.storage.mkdir()
    with (session.storage / ".study.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(json.dumps(this_owner()))
        held.flush()
        with pytest.raises(RequestError, match=f"is in use by process {os.getpid()} on .* since "):
            run_study(session, session.study.runs)
    write_experiment(session)
    assert run_study(session, session.study.runs) == 0


def test_two_sessions_do_not_share_results(make_session):
    """They have other storages: each would replace the other's kept curves."""
    session = make_session(300)
    write_experiment(session)
    kept = session.results / session.study.name
    lock = FolderLock(kept)
    lock.acquire()
    with pytest.raises(RequestError, match=f"{kept}: is in use by process {os.getpid()} on "):
        run_study(session, session.study.runs)
    assert [path.name for path in kept.iterdir()] == [".lock"]
    lock.release()
    assert run_study(session, session.study.runs) == 0
    assert not list(kept.glob(".lock*"))


def test_a_run_that_is_refused_does_not_end_the_session(make_session):
    session = make_session(300, 400)
    write_experiment(session, number=1)
    wrong = session.storage.with_name("wrong.yaml")
    wrong.write_text("tiny: {run: A4C}\n")
    first, second = session.study.cells
    session.study = replace(session.study, cells=(replace(first, file=str(wrong)), second))
    assert run_study(session, session.study.runs) == 1
    assert [line.partition(";")[0] for line in session.failed] == ["tiny300, seed 0: refused"]
    assert statuses(session) == ["not run", "done"]


SCRIPT = """
import sys
from pathlib import Path
from rich.console import Console
sys.path.insert(0, {here!r})
from test_train import tiny, Session, run_study
folder = Path({folder!r})
study = tiny(folder, 512, {long})
session = Session(study, folder / "storage", folder / "results", Console(stderr=True))
sys.exit(run_study(session, study.runs))
"""


def start(folder):
    """A session of two runs in a process of its own."""
    script = SCRIPT.format(here=str(Path(__file__).parent), folder=str(folder), long=LONG)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def lines_of(folder, cell):
    return [
        line
        for file in (folder / "storage" / f"{cell}-seed0").glob("*/result.json")
        for line in file.read_text().splitlines()
    ]


def wait_for(condition, what, seconds=800):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"no {what}"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(2400)
def test_an_interrupted_study_goes_on_where_it_was(tmp_path):
    """Ctrl-C in the second run: the first is not trained again, the second not from its start."""
    process = start(tmp_path)
    wait_for(lambda: len(lines_of(tmp_path, f"tiny{LONG}")) >= 8, "second run")
    process.send_signal(signal.SIGINT)
    _, output = process.communicate(timeout=800)
    assert process.returncode == 130, output
    study = tiny(tmp_path, 512, LONG)
    assert [run.status for run in runs_of(study, tmp_path / "results")] == ["done", "interrupted"]
    first, second = lines_of(tmp_path, "tiny512"), lines_of(tmp_path, f"tiny{LONG}")

    again = start(tmp_path)
    _, output = again.communicate(timeout=800)
    assert again.returncode == 0, output
    assert "run 2 of 2" in output
    assert "run 1 of 2" not in output
    runs = runs_of(study, tmp_path / "results")
    assert [run.status for run in runs] == ["done", "done"]
    assert runs[1].last("steps") >= LONG
    assert lines_of(tmp_path, "tiny512") == first
    # Tune plays again what came after the last checkpoint, not what was before it.
    assert lines_of(tmp_path, f"tiny{LONG}")[:5] == second[:5]
    iterations = [
        json.loads(line)["training_iteration"] for line in lines_of(tmp_path, f"tiny{LONG}")
    ]
    assert iterations.count(1) == 1


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(2400)
def test_a_killed_session_leaves_its_run_to_end(tmp_path):
    """SIGKILL of the session: its run goes on, keeps the next session away, and then counts."""
    process = start(tmp_path)
    wait_for(lambda: len(lines_of(tmp_path, f"tiny{LONG}")) >= 2, "second run")
    process.kill()
    process.wait()
    refused = start(tmp_path)
    _, output = refused.communicate(timeout=800)
    assert "another `rllib study run`" in " ".join(output.split())
    manifest = tmp_path / "storage" / f"tiny{LONG}-seed0" / "manifest.json"
    wait_for(lambda: json.loads(manifest.read_text())["status"] == "done", "end of the run")
    wait_for(lambda: (again := start(tmp_path)).wait() == 0 or again is None, "free storage")
    study = tiny(tmp_path, 512, LONG)
    assert [run.status for run in runs_of(study, tmp_path / "results")] == ["done", "done"]
