"""`rllib study`: a real smoke run, and what is told of results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.cli.study import smoke_results
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.paths import RESULTS, ROOT

CELL = "cartpole-a2c-rate2"


def told(*arguments):
    """What `rllib study` says where nothing is trained, in this process."""
    return CliRunner().invoke(app, ["study", *map(str, arguments)], env={"COLUMNS": "80"})


def study(*arguments):
    """Run `rllib study` to its end, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "study", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_smoke_run_is_trained_once_and_reported_apart(tmp_path):
    where = ("tuned_files", "--smoke", "--storage", tmp_path)
    done = study("run", *where, "--only", CELL)
    assert done.returncode == 0, done.stderr
    assert f"run 1 of 1: {CELL}, seed 2030" in done.stderr
    kept = tmp_path / "smoke" / "results" / "tuned_files" / CELL
    about = json.loads((kept / "seed2030.json").read_text())
    assert about["status"] == "done"
    assert about["config_given"]["lr"] == [[0, 0.003], [300_000, 0.0]]
    results = next((tmp_path / "smoke" / f"{CELL}-seed2030").glob("*/result.json"))
    before = results.stat().st_mtime_ns

    again = told("run", *where, "--only", CELL)
    assert (again.exit_code, "run 1 of 1" in again.stderr) == (0, False)
    assert results.stat().st_mtime_ns == before
    report = told("report", *where)
    assert f"| `{CELL}` | 1 of 1 | – |" in report.stdout
    assert "| 1 not run |" in report.stdout


def test_the_list_counts_runs(tmp_path):
    shutil.copytree(ROOT / "results", tmp_path / "results")
    lost = tmp_path / "results" / "algorithms_compared" / "cartpole-ppo" / "seed2003.json"

    def numbers():
        out = told("list", "--results", tmp_path / "results").stdout
        (line,) = [line for line in out.splitlines() if "algorithms_compared" in line]
        return line.split()[1:6]

    cells, runs, done, begun, missing = map(int, numbers())
    assert (cells, done + begun + missing) == (9, runs)
    lost.write_text(json.dumps(json.loads(lost.read_text()) | {"status": "interrupted"}))
    assert [int(n) for n in numbers()] == [cells, runs, done - 1, begun + 1, missing]
    lost.unlink()
    assert [int(n) for n in numbers()] == [cells, runs, done - 1, begun, missing + 1]


def test_the_gate_fails_and_says_why(tmp_path):
    """Results of one cell only: what is there is met, everything else is missing."""
    folder = Path("algorithms_compared") / "cartpole-ppo"
    shutil.copytree(ROOT / "results" / folder, tmp_path / folder)
    shutil.copy(ROOT / "results" / folder.parent / "greedy.json", tmp_path / folder.parent)
    done = told("report", "algorithms_compared", "--check", "--results", tmp_path)
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 8
    assert all(line.startswith("missing: ") for line in lines)
    assert not any("cartpole-ppo" in line for line in lines)
    assert "met: cartpole-ppo" in done.stdout
    (tmp_path / folder / "seed2003.csv").write_text("steps\n")
    done = told("report", "algorithms_compared", "--check", "--results", tmp_path)
    assert any(line.startswith("missed: cartpole-ppo") for line in done.stderr.splitlines())


def test_a_check_without_thresholds_says_so(tmp_path):
    done = told("report", "policy_gradient_tips", "--check", "--results", tmp_path)
    assert done.exit_code == 0
    assert done.stderr == "policy_gradient_tips: no thresholds to check\n"


def test_update_of_other_results_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "rllib_zoo.experiments.studies.publish.update_pages", lambda *_: pytest.fail("written")
    )
    found = told("report", "--update", "--results", tmp_path).exception
    assert isinstance(found, RequestError)
    assert str(found).startswith("--results: --update supports only")


def test_smoke_runs_are_never_kept_beside_results(tmp_path, monkeypatch):
    """However the folder of results is spelt."""
    monkeypatch.chdir(RESULTS.parent / "docs")
    for spelt in (RESULTS, Path("../results"), RESULTS / "agents" / ".."):
        assert smoke_results(tmp_path, spelt) == tmp_path / "results"
    assert smoke_results(tmp_path, tmp_path) == tmp_path / "smoke"


def test_a_wrong_request_is_one_line_and_exit_code_2(tmp_path):
    done = study("run", "worker_scalin", "--storage", tmp_path / "s")
    assert done.returncode == 2
    assert done.stderr == "study 'worker_scalin' is unknown; did you mean 'worker_scaling'?\n"
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["run", "worker_scaling", "--only", "waiting-a2c-runner8"],
            "no cell 'waiting-a2c-runner8'; did you mean 'waiting-a2c-runners8'",
        ),
        (["run", "worker_scaling", "--seeds", "4-2"], "--seeds: '4-2' is a decreasing range"),
        (["report", "--smoke", "--update"], "--update conflicts with --smoke"),
    ],
)
def test_wrong_requests_train_nothing(arguments, said, tmp_path):
    storage = ["--storage", tmp_path / "s"] if arguments[0] == "run" else []
    found = told(*arguments, *storage).exception
    assert isinstance(found, RequestError)
    assert said in str(found)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["seed2003.json", "seed2003.csv"])
def test_a_broken_result_is_named(tmp_path, name):
    folder = Path("algorithms_compared") / "cartpole-a2c"
    shutil.copytree(ROOT / "results" / folder, tmp_path / folder)
    (tmp_path / folder / name).write_text("steps,return_mean\n<<<<<<< ours\n")
    found = told("report", "algorithms_compared", "--results", tmp_path).exception
    assert isinstance(found, RequestError)
    assert str(tmp_path / folder / name) in str(found)
