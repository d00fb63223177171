"""The page shows the recorded counts of pairs of commands; some pairs are started here."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from small_runs import experiment

from rllib_zoo.benchmarks.reliability.interleaved_starts import (
    KINDS,
    mixed,
    real_pair,
    sentence,
    stand_in_pair,
)
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.paths import ROOT


def test_the_count_is_what_the_page_says():
    record = json.loads((ROOT / "results" / "faults" / "interleaved_starts.json").read_text())
    page = " ".join((ROOT / "docs" / "reliability.md").read_text().split())
    assert sentence(record) in page
    assert len(record["pairs"]) >= 1000
    assert {tuple(pair["kinds"]) for pair in record["pairs"]} == set(KINDS)
    assert [pair for pair in record["pairs"] if pair["problems"]] == []


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_one_of_two_commands_gets_the_folder(tmp_path, kinds):
    job = validate_job(experiment(tmp_path), FileOptions(ray_num_cpus=1))
    for seed in (1,):
        pair = stand_in_pair(tmp_path / str(seed), replace(job), kinds, seed)
        assert pair["problems"] == []


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
