"""The page shows the recorded endings; a slow test kills one process of each kind."""

from __future__ import annotations

import json
import random

import pytest

from rllib_zoo.benchmarks.reliability.endings import EXPECTED, EndingRun, inflict, table
from rllib_zoo.benchmarks.reliability.kills import verdict
from rllib_zoo.experiments.paths import ROOT


def test_the_table_is_that_of_the_page():
    record = json.loads((ROOT / "results" / "faults" / "endings.json").read_text())
    assert table(record).strip() in (ROOT / "docs" / "reliability.md").read_text()
    assert all(kill["orderly"] for kill in record["kills"])
    for run in record["runs"]:
        assert run["reached_target"]
        assert run["progress_agrees"]
        assert (run["duplicate_iterations"], run["missing_iterations"]) == (0, 0)
        assert run["most_iterations_repeated"] <= record["checkpoint_interval"]
        assert run["processes_left"] == 0


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_kind_of_process_can_be_killed(tmp_path):
    run, draw = EndingRun("A2C", tmp_path), random.Random(0)
    for target in EXPECTED:
        assert inflict(run, target, draw)["orderly"], run.kills[-1]
    run.finish()
    counts = verdict(run, None)
    assert counts["reached_target"]
    assert (counts["duplicate_iterations"], counts["missing_iterations"]) == (0, 0)
