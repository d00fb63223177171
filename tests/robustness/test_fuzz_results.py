"""Result folders with anything in their files: a row with a status for every trial, never a traceback."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from fuzzing import anything, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from result_folders import result
from typer.testing import CliRunner

from rllib_zoo.analysis.diff.diff import compare
from rllib_zoo.analysis.files.trials import ERROR, MANIFEST, PARAMS, RESULT
from rllib_zoo.analysis.report.cli import app
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.summary import summarise
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.reproduce.recorded_run import open_recorded_run

MOST = 10**20
# Of a manifest, what is read of it somewhere.
READ = (
    "algorithm", "env", "config_given", "config_resolved", "stop", "seeds", "request", "trials",
    "environment_signature", "exact_resume", "status", "experiment", "packages", "git", "machine",
    "manifest_version", "num_samples", "code", "notes", "threads",
)  # fmt: skip
MANIFESTS = {
    "manifest_version": 1,
    "status": "done",
    "algorithm": "PPO",
    "env": "CartPole-v1",
    "config_given": {"lr": 0.1},
    "stop": {"training_iteration": 3},
    "seeds": [0],
    "environment_signature": {"id": "CartPole-v1"},
    "trials": [{"folder": "/x/PPO_0", "status": "done"}],
}
DEEP = "[" * 3000 + "]" * 3000


def bytes_of(content):
    return content if isinstance(content, bytes) else content.encode("utf-8")


def mangled(good, draw):
    """A good object with some values replaced at any level, or something else altogether."""
    found = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(0, 3))):
        level = found
        while True:
            key = draw(st.sampled_from([*level, "new", *(READ if level is found else ())]))
            if isinstance(level.get(key), dict) and level[key] and draw(st.booleans()):
                level = level[key]
                continue
            level[key] = draw(anything(MOST))
            break
    return found


@st.composite
def contents(draw, good):
    """The bytes of a JSON file, mostly of the shape of ``good``."""
    kind = draw(st.sampled_from(("mangled",) * 4 + ("other", "bytes", "cut", "deep", "empty")))
    if kind == "bytes":
        return draw(st.binary(max_size=60))
    if kind == "deep":
        return bytes_of(DEEP)
    if kind == "empty":
        return b""
    found = draw(anything(MOST)) if kind == "other" else mangled(good, draw)
    text = bytes_of(json.dumps(found))
    return text[: draw(st.integers(0, len(text)))] if kind == "cut" else text


@st.composite
def rows(draw):
    """A ``result.json``: lines of results, some of them not."""
    lines = []
    for i in range(1, draw(st.integers(0, 4)) + 1):
        good = {**result(i, float(i)), "config": {"env": "CartPole-v1", "seed": 0}}
        lines.append(draw(contents(good)).replace(b"\n", b" "))
    ending = draw(st.sampled_from((b"\n", b"")))
    return b"\n".join(lines) + ending


@st.composite
def trials(draw):
    """File name → bytes of one trial; at least one file that makes it a trial."""
    makers = {
        RESULT: rows(),
        PARAMS: contents({"env": "CartPole-v1", "seed": 0, "model": {"fcnet_hiddens": [8]}}),
        ERROR: st.just(b"Error\n") | st.binary(max_size=20),
    }
    names = draw(st.sets(st.sampled_from(sorted(makers)), min_size=1))
    return {name: draw(makers[name]) for name in sorted(names)}


@st.composite
def experiments(draw):
    """File path → bytes of an experiment of one to three trials."""
    files = {}
    number = draw(st.integers(1, 3))
    for i in range(number):
        for name, content in draw(trials()).items():
            files[f"PPO_{i}/{name}"] = content
    if draw(st.booleans()):
        files[MANIFEST] = draw(contents(MANIFESTS))
    if draw(st.booleans()):
        entry = draw(contents({"relative_logdir": "PPO_0", "status": "TERMINATED"}))
        told = [[entry.decode("utf-8", "replace"), "{}"]]
        files["experiment_state-1.json"] = draw(contents({"trial_data": told}))
    if draw(st.booleans()):
        good = {**MANIFESTS, "kept": {}}
        files["seed0.json"] = draw(contents(good))
        files["seed0.csv"] = draw(
            st.binary(max_size=60)
            | st.just(b"steps,seconds,return_mean\n1,2,3\n")
            | st.just(b"steps,seconds,return_mean\n1,x,3\n2\n")
        )
    return number + ("seed0.csv" in files), files


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzzed")


def test_every_trial_is_a_row_with_a_status(place):
    seen = set()

    @fuzzed(30)
    @given(experiments())
    def one(drawn):
        number, files = drawn
        write(place / "exp", files)
        results = load([place])
        # A trial that continues another one's numbers, with the same settings, is a piece of it.
        pieces = (
            results.runs["message"].str.extract(r"(\d+) pieces joined")[0].fillna(1).astype(int)
        )
        assert pieces.sum() == number
        assert all(isinstance(status, str) and status for status in results.runs["status"])
        assert all(isinstance(message, str) for message in results.runs["message"])
        seen.update(results.runs["message"])
        summary = summarise(results, resamples=100)
        assert len(summary.scores) == len(results.runs)

    one()
    assert "no results" in seen
    assert any("broken line" in message for message in seen)


def test_what_reads_a_run_says_so_in_one_line(place):
    """`rllib diff` and `rllib reproduce`: an answer or one refusal."""
    answered = {True: 0, False: 0}

    @fuzzed(40)
    @given(experiments())
    def one(drawn):
        write(place / "exp", drawn[1])
        for read in (lambda: compare(place, place), lambda: open_recorded_run(place / "exp")):
            try:
                read()
                refusal = None
            except (RequestError, ValueError, FileNotFoundError) as error:
                refusal = error
            # These are ValueErrors, too, and no answer.
            assert not isinstance(refusal, json.JSONDecodeError | UnicodeError)
            assert refusal is None or str(refusal)
            answered[refusal is None] += 1

    one()
    assert min(answered.values()) > 5


@pytest.mark.slow
def test_reports_are_written_or_refused_in_one_line(place, tmp_path):
    codes = set()

    @fuzzed(50)
    @given(experiments())
    def one(drawn):
        write(place / "exp", drawn[1])
        words = [str(place), "-o", str(tmp_path / "out"), "--resamples", "100"]
        done = CliRunner().invoke(app, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        codes.add(done.exit_code)

    one()
    assert codes == {0, 2}


def test_pipes_folders_and_loops_in_place_of_files_keep_nobody_waiting(place):
    shutil.rmtree(place / "exp", ignore_errors=True)
    for i, make in enumerate((os.mkfifo, os.mkdir, lambda path: os.symlink(path, path))):
        for name in (RESULT, PARAMS, ERROR):
            trial = place / "exp" / f"PPO_{i}_{name}"
            trial.mkdir(parents=True)
            (trial / "error.txt").write_text("Error\n") if name != ERROR else None
            make(trial / name)
    os.mkfifo(place / "exp" / MANIFEST)
    os.mkfifo(place / "exp" / "experiment_state-1.json")
    found = load([place])
    assert set(found.runs["status"]) <= {"failed", "unknown"}
    assert len(found.runs) >= 6
