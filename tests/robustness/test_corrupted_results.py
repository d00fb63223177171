"""A set of results with everything wrong that can be: every row is told, nothing is dropped silently."""

import json

import pandas as pd
import pytest
from result_folders import result
from typer.testing import CliRunner

from rllib_zoo.analysis.report.cli import app


@pytest.fixture
def corrupted(trial, tmp_path):
    """Eight trials; the messages their rows must have are returned with the folder."""
    pong = {"env": "ALE/Pong-v5"}
    lines = [json.dumps(result(i, float(i))) for i in (1, 2, 3)]
    trial("whole", config=pong)
    trial("half-written", config={**pong, "seed": 1}, lines=[*lines, lines[0][:40]])
    trial("empty", config={**pong, "seed": 2}, lines=[])
    trial("failed", config={**pong, "seed": 3}, returns=(1.0,), status="ERROR")
    trial("twice", config={**pong, "seed": 4})
    trial("again", config={**pong, "seed": 4})
    trial("nan", config={**pong, "seed": 5}, returns=(float("nan"),) * 3)
    other = {"environment_signature": {"id": "ALE/Pong-v5", "frameskip": 1}}
    trial("other", config={**pong, "seed": 6}, manifest=other)
    this = json.dumps({"environment_signature": {"id": "ALE/Pong-v5", "frameskip": 4}})
    for name in ("whole", "half-written", "empty", "failed", "twice", "again", "nan"):
        (tmp_path / "results" / name / "manifest.json").write_text(this)
    (tmp_path / "results" / "nothing").mkdir()
    return tmp_path / "results"


MESSAGES = {
    "whole": "",
    "half-written": "1 broken line(s)",
    "empty": "no results",
    "failed": "short: 100 of 300 steps",
    "twice": "seed 4 occurs 2 times",
    "again": "seed 4 occurs 2 times",
    "nan": "no episode has ended",
    "other": "",
}


def test_every_row_is_told(corrupted, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(app, [str(corrupted), "-o", str(out), "--resamples", "100"])
    assert done.exit_code == 0, done.output
    page = (out / "report.html").read_text()
    for message in filter(None, MESSAGES.values()):
        assert message in page
    scores = pd.read_csv(out / "scores.csv")
    assert len(scores) == len(MESSAGES)
    assert sorted(scores["environment"].unique()) == ["ALE/Pong-v5 #1", "ALE/Pong-v5 #2"]
    assert scores["final"].isna().sum() == 2
    said = " ".join(done.output.split())
    assert "run in 2 variants" in said
    cases = sum(map(bool, MESSAGES.values()))
    assert f"warning: runs not done, or with a message: {cases} cases" in said


def test_nothing_left_is_exit_2(trial, tmp_path):
    trial("empty", lines=[])
    trial("broken", lines=["{"])
    done = CliRunner().invoke(app, [str(tmp_path / "results"), "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "2 runs were found" in done.output
    assert not (tmp_path / "out").exists()
