"""What the page says of killed runs is what was counted; and one run is killed here."""

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
    found = json.loads((ROOT / "results" / "faults" / "kills.json").read_text())
    page = " ".join((ROOT / "docs" / "reliability.md").read_text().split())
    assert sentence(found) in page
    assert len(found["kills"]) == sum(run["kills"] for run in found["runs"])
    assert len(found["kills"]) >= 20
    for run in found["runs"]:
        assert run["reached_target"]
        assert run["progress_agrees"]
        assert run["steps_rise"]
        assert (run["duplicate_iterations"], run["missing_iterations"]) == (0, 0)
        assert run["most_iterations_repeated"] <= found["checkpoint_interval"]
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
    found = verdict(run, whole)
    assert found["weights_equal"]
    assert found["reached_target"]
    assert found["progress_agrees"]
    assert (found["duplicate_iterations"], found["missing_iterations"]) == (0, 0)
    assert found["most_iterations_repeated"] <= EVERY
    assert found["processes_left"] == 0
