"""Generated sections of single pages, by hand; `test_publish.py` compares the committed ones."""

from __future__ import annotations

import json

import pytest

from rllib_zoo.experiments.paths import RESULTS
from rllib_zoo.experiments.studies import keep as keeping
from rllib_zoo.experiments.studies.keep import SWEEP, SWEEP_FILES, sweep_facts
from rllib_zoo.experiments.studies.page_sections import (
    pendulum_table,
    sweep_section,
    sweep_summary,
)

FACTS = {
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


def test_the_kept_sweep():
    assert "5 of 5 runs done" in sweep_section(RESULTS)


def test_the_sweep_by_hand():
    text = sweep_summary(FACTS, FACTS)
    assert (
        "1 configurations, 3 trials (2 done, 1 stopped early), 1,700 of at most 3,000 steps" in text
    )
    assert "resumed 1 time on" in text
    assert "| 0.5 | 475 | 400 | 800 |" in text
    assert "2 of 3 runs done, 1 reached 475, after 600 (100 to 1,000) steps and 2.0 (1.0 to" in text
    assert "`0123456+`" in text


def test_only_facts_are_kept_and_no_folders(tmp_path):
    trial = {**FACTS["trials"][0], "folder": str(tmp_path), "checkpoint": str(tmp_path)}
    manifest = {**FACTS, "command": f"rllib train {tmp_path}", "trials": [trial]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert str(tmp_path) not in json.dumps(sweep_facts(tmp_path))
    assert sweep_facts(tmp_path)["trials"][0]["score"] == 480.0


def test_the_command_keeps_the_sweep_and_its_best(tmp_path, monkeypatch):
    for name in ("sweep", "best"):
        (tmp_path / name).mkdir()
        about = {**FACTS, "started": name}
        (tmp_path / name / "manifest.json").write_text(json.dumps(about))
    monkeypatch.setattr(keeping, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["keep", str(tmp_path / "sweep"), str(tmp_path / "best")])
    (tmp_path / "results" / SWEEP).mkdir(parents=True)
    keeping.main()
    kept = [json.loads((tmp_path / "results" / SWEEP / name).read_text()) for name in SWEEP_FILES]
    assert [facts["started"] for facts in kept] == ["sweep", "best"]


def test_a_folder_without_trials_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no trials"):
        sweep_facts(tmp_path)


def test_pendulum_without_runs(tmp_path):
    text = pendulum_table(tmp_path)
    assert "| 11 | not run | – | – | – | – | – |" in text
    assert "Mean over seeds –; 0 of 5 reach -160." in text
