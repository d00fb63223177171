"""The page shows the recorded counts of pairs of commands; some pairs are started here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from rllib_zoo.benchmarks.reliability.interleaved_starts import (
    KINDS,
    mixed,
    real_pair,
    sentence,
)
from rllib_zoo.experiments.paths import ROOT


def test_the_count_is_what_the_page_says():
    record = json.loads((ROOT / "results" / "faults" / "interleaved_starts.json").read_text())
    page = " ".join((ROOT / "docs" / "reliability.md").read_text().split())
    assert sentence(record) in page
    assert len(record["pairs"]) >= 1000
    assert {tuple(pair["kinds"]) for pair in record["pairs"]} == set(KINDS)
    assert [pair for pair in record["pairs"] if pair["problems"]] == []


def test_one_of_two_commands_gets_the_folder(tmp_path):
    # In a process of its own: this one may be connected to Ray, which forked processes cannot use.
    out = tmp_path / "pairs.json"
    module = "rllib_zoo.benchmarks.reliability.interleaved_starts"
    command = [sys.executable, "-m", module, "--pairs", "12", "--workers", "2", "--out", str(out)]
    subprocess.run(command, check=True, timeout=250)
    pairs = json.loads(out.read_text())["pairs"]
    assert {tuple(pair["kinds"]) for pair in pairs} == set(KINDS)
    assert [pair["problems"] for pair in pairs] == [[]] * 12


def test_mixed_results_are_found(tmp_path):
    (tmp_path / "trial").mkdir()
    results = tmp_path / "trial" / "result.json"
    results.write_text('{"pid": 0}\n{"pid": 7}\n')
    assert mixed(tmp_path, 7, [0]) == []
    assert len(mixed(tmp_path, 7, [])) == 1
    results.write_text('{"pid": 0}\n{"pid": 7}\n{"pid": 8}\n')
    assert len(mixed(tmp_path, 7, [0])) == 1
    (tmp_path / "other").mkdir()
    os.link(results, tmp_path / "other" / "result.json")
    assert mixed(tmp_path, 7, [0]) == [f"2 trials in {tmp_path.name}"]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_of_two_real_commands_gets_the_folder(tmp_path):
    assert real_pair(tmp_path, ("start", "force"), seed=1)["problems"] == []
