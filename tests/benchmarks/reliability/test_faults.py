"""The table of all faults is that of the records, and the tests that it names exist as often as it says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rllib_zoo.benchmarks.reliability.faults import PAGE, TESTS, rows, table
from rllib_zoo.experiments.paths import ROOT


def test_the_page_shows_the_records_and_nothing_was_lost():
    assert f"<!-- faults:begin -->\n{table()}\n<!-- faults:end -->" in PAGE.read_text()
    assert {lost for _, _, lost, _ in rows()} == {0}


@pytest.mark.slow
@pytest.mark.parametrize("file", TESTS)
def test_tests_are_repeated_as_often_as_told(file):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n",
        "0",
        "-m",
        "slow",
        file,
    ]
    listed = subprocess.run(
        command, cwd=ROOT / "tests", capture_output=True, text=True, timeout=120
    )
    names = [line.partition("::")[2].partition("[")[0] for line in listed.stdout.splitlines()]
    assert {test: names.count(test) for _, _, test in TESTS[file]} == {
        test: number for _, number, test in TESTS[file]
    }
