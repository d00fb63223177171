"""What the page on sweeps says of one: equal to what is kept of it, and to arithmetic by hand."""

from __future__ import annotations

import json

import pytest

from rllib_zoo.benchmarks.pages.sweep_result import PAGE, kept, page_with, section

SWEEP = {
    "resumed": ["2026-01-01T00:00:00+00:00"],
    "stop": {"episode_reward_mean": 475, "timesteps_total": 1000},
    "started": "2026-01-01T00:00:00+00:00",
    "machine": {"cores": 2, "cpu": "some"},
    "git": {"commit": "0123456789", "dirty": True},
    "trials": [
        {"status": "done", "seed": 1, "score": 480.0, "steps": 600, "seconds": 2.0},
        {"status": "stopped early", "seed": 2, "score": None, "steps": 100, "seconds": 1.0},
        {"status": "done", "seed": 3, "score": 400.0, "steps": 1000, "seconds": 4.0},
    ],
    "ranking": [{"varied": {"lr": 0.5}, "iqm": 475.0, "worst": 400.0, "steps": 800.0}],
}


def test_the_page_says_what_is_kept():
    page = PAGE.read_text()
    assert page_with(page) == page, "run: python -m rllib_zoo.benchmarks.pages.sweep_result"
    assert "5 of 5 runs done" in page


def test_the_section_by_hand():
    found = section(SWEEP, SWEEP)
    assert (
        "1 configurations, 3 trials (2 done, 1 stopped early), 1,700 of at most 3,000 steps"
        in found
    )
    assert "resumed 1 time on" in found
    assert "| 0.5 | 475 | 400 | 800 |" in found
    assert (
        "2 of 3 runs done, 1 reached 475, after 600 (100 to 1,000) steps and 2.0 (1.0 to" in found
    )
    assert "`0123456+`" in found


def test_only_facts_are_kept_and_no_folders(tmp_path):
    trial = {**SWEEP["trials"][0], "folder": str(tmp_path), "checkpoint": str(tmp_path)}
    manifest = {**SWEEP, "command": f"rllib train {tmp_path}", "trials": [trial]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert str(tmp_path) not in json.dumps(kept(tmp_path))
    assert kept(tmp_path)["trials"][0]["score"] == 480.0


def test_a_folder_without_trials_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="tells no trials"):
        kept(tmp_path)
