"""The page shows the recorded kills; a slow test kills one process of each kind and resumes the run."""

from __future__ import annotations

import json
import random

import pytest

from rllib_zoo.benchmarks.reliability.endings import EXPECTED, EndingRun, inflict, table
from rllib_zoo.benchmarks.reliability.kills import verdict
from rllib_zoo.experiments.paths import ROOT


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_kind_of_process_can_be_killed(tmp_path):
    run, draw = EndingRun("A2C", tmp_path, target=150), random.Random(0)
    for target in EXPECTED:
        assert inflict(run, target, draw)["orderly"], run.kills[-1]
    run.finish()
    counts = verdict(run, None)
    assert counts["reached_target"]
    assert (counts["duplicate_iterations"], counts["missing_iterations"]) == (0, 0)


def test_the_page_shows_the_record():
    record = json.loads((ROOT / "results" / "faults" / "endings.json").read_text())
    assert table(record) in (ROOT / "docs" / "reliability.md").read_text()
    for target in EXPECTED:
        kills = [kill for kill in record["kills"] if kill["target"] == target]
        assert len(kills) == 20
        assert all(kill["orderly"] for kill in kills)
        assert max(kill["iterations_repeated"] for kill in kills) <= record["checkpoint_interval"]
    for run in record["runs"]:
        assert run["reached_target"]
        assert run["progress_agrees"]
        assert run["steps_rise"]
        assert (run["duplicate_iterations"], run["missing_iterations"]) == (0, 0)
