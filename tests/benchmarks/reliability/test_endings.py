"""One process of each kind is killed; the command ends as documented and is resumed."""

from __future__ import annotations

import random

import pytest

from rllib_zoo.benchmarks.reliability.endings import EXPECTED, EndingRun, inflict
from rllib_zoo.benchmarks.reliability.kills import verdict


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
