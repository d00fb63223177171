"""The table of killed runners: as recorded, and with checks that can fail."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from rllib_zoo.benchmarks.reliability.runner_crashes import OUT, PAGE, Ledger, checks, table


def test_the_page_has_the_recorded_table():
    [block] = re.findall(
        r"<!-- crashes:begin -->\n(.*?)\n<!-- crashes:end -->", PAGE.read_text(), re.DOTALL
    )
    assert block == table(json.loads(OUT.read_text())), (
        "python -m rllib_zoo.benchmarks.reliability.runner_crashes --table"
    )


def test_twenty_kills_were_recorded_and_nothing_failed():
    trainings = json.loads(OUT.read_text())["trainings"]
    assert sum(len(training["kills"]) for training in trainings) >= 20
    for training in trainings:
        assert training["failed_checks"] == []
        assert training["restarts"] == len(training["kills"])
        assert training["steps"] == training["steps_received"] >= training["target_steps"]
        assert training["fragments_received_twice"] == 0


def rows(*steps, restarts=1):
    """Results of iterations with so many steps."""
    return [
        {
            "training_iteration": i,
            "timesteps_total": sum(steps[:i]),
            "episodes_total": i,
            "env_runners": {
                "num_env_steps_sampled": number,
                "num_env_steps_sampled_lifetime": sum(steps[:i]),
            },
            "fault_tolerance": {"num_remote_worker_restarts": restarts, "num_healthy_workers": 2},
        }
        for i, number in enumerate(steps, 1)
    ]


def ledger_of(*fragments):
    ledger = Ledger()
    for fragment in fragments:
        ledger.add(len(fragment), [np.array(fragment)])
    return ledger


@pytest.mark.parametrize(
    ("results", "fragments", "failure"),
    [
        (rows(3, 4), ([1, 2, 3], [1, 2, 3, 4]), None),
        (rows(3, 3), ([1, 2, 3], [1, 2, 3]), "a fragment arrived twice"),
        (rows(3, 3, restarts=0), ([1, 2, 3], [1, 2, 4]), "1 kills, but"),
        (rows(1, 1), ([1], [2]), "the target was not reached"),
        (rows(3, 4)[1:], ([1, 2, 3], [1, 2, 3, 4]), "iterations [2]"),
    ],
)
def test_a_wrong_count_is_a_failed_check(results, fragments, failure):
    failed = checks(None, "A3C", results, 1, 5, ledger_of(*fragments))
    assert [text for text in failed if failure and text.startswith(failure)] or not (
        failure or failed
    )
