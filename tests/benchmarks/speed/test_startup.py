"""The benchmark of the whole command: its table, and a run that ends at once."""

import pytest

from rllib_zoo.benchmarks.speed.startup import TASKS, run, table
from rllib_zoo.experiments.paths import ROOT


def row(checkout, task="prompt", **measured):
    return {"task": task, "checkout": checkout, "code": TASKS[task].code, **measured}


def test_medians_count_runs_that_ended_as_they_should():
    rows = [row("other", seconds=s) for s in (10.0, 12.0, 14.0)]
    rows += [row("this", seconds=s) for s in (6.0, 3.0)] + [row("this", seconds=1.0) | {"code": 1}]
    rows += [row("other", "memory CartPole A3C", mib=2000.0)]
    assert table(rows).splitlines()[2:] == [
        "| prompt | 12.0 s | 4.5 s | 0.38 |",
        "| memory CartPole A3C | 2,000.0 MiB | nan MiB | nan |",
    ]


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="the checkout has no .venv")
def test_a_wrong_key_ends_before_any_result():
    ended = run(ROOT, TASKS["wrong key"])
    assert ended["code"] == 2
    assert ended["first_result"] is None
    assert ended["seconds"] > 0
