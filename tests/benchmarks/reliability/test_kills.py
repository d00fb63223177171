"""The page shows the recorded counts of killed runs; slow tests kill and resume a run."""

from __future__ import annotations

import json
import random

import pytest

from rllib_zoo.benchmarks.reliability import kills
from rllib_zoo.benchmarks.reliability.kills import (
    EVERY,
    KilledRun,
    killed,
    sentence,
    verdict,
)
from rllib_zoo.experiments.paths import ROOT


def test_the_count_is_what_the_page_says():
    record = json.loads((ROOT / "results" / "faults" / "kills.json").read_text())
    page = " ".join((ROOT / "docs" / "reliability.md").read_text().split())
    assert sentence(record) in page
    assert len(record["kills"]) == sum(run["kills"] for run in record["runs"])
    assert len(record["kills"]) >= 20
    for run in record["runs"]:
        assert run["reached_target"]
        assert run["progress_agrees"]
        assert run["steps_rise"]
        assert (run["duplicate_iterations"], run["missing_iterations"]) == (0, 0)
        assert run["most_iterations_repeated"] <= record["checkpoint_interval"]
        assert run.get("weights_equal", True)
        assert run["processes_left"] == 0


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moment", ["starting", "before a result", "training", "saving"])
def test_a_killed_run_ends_as_one_that_was_not(tmp_path, monkeypatch, moment):
    monkeypatch.setattr(kills, "MOMENTS", (moment,))
    run, whole = KilledRun("PPO", tmp_path / "killed"), KilledRun("PPO", tmp_path / "whole")
    assert killed(run, random.Random(0))
    run.finish()
    whole.finish()
    counts = verdict(run, whole)
    assert counts["weights_equal"]
    assert counts["reached_target"]
    assert counts["progress_agrees"]
    assert (counts["duplicate_iterations"], counts["missing_iterations"]) == (0, 0)
    assert counts["most_iterations_repeated"] <= EVERY
    assert counts["processes_left"] == 0
