"""The page of 3D ball balancing: what is missing is a row, shares are taken within a round."""

from __future__ import annotations

import json

import pytest
from kept_runs import STARTED, keep_run, row

from rllib_zoo.benchmarks.speed.ball_balance import (
    CONTENDERS,
    LIMIT,
    PAGE,
    STUDY,
    page_with,
    returns_table,
    speed_table,
)
from rllib_zoo.experiments.studies.runs import runs_of, write_greedy

PPO = STUDY.cell("3dball-ppo")
MARKS = "<!-- {0}:begin -->\n<!-- {0}:end -->\n"


def speed(name, number, rate, status="ok"):
    told = {"name": name, "mode": "speed", "round": number, "status": status}
    return told | ({"steps_per_s": rate} if status == "ok" else {"error": "out of memory"})


def rows_of(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]


@pytest.fixture
def kept(tmp_path):
    """Two seeds are done, one was played; the third is missing."""
    for seed in PPO.seeds[:2]:
        rows = [row(24_000, 1.0, seconds=60.0), row(48_000, 1.5, seconds=120.0)]
        keep_run(tmp_path, STUDY.name, PPO, seed, rows, environment_signature={"id": PPO.env})
    score = {"mean": 94.96, "half_width": 0.44, "episodes": 100}
    write_greedy(STUDY, tmp_path, PPO.name, PPO.seeds[0], score, STARTED)
    return tmp_path


def test_every_wanted_run_has_a_row(kept):
    table = rows_of(returns_table(runs_of(STUDY, kept)))
    mine = [cells for cells in table if cells and cells[0] == "`3dball-ppo`"]
    assert mine[0][1:] == [str(PPO.seeds[0]), "done", "48,000", "2.0", "1.5", "94.96 ± 0.44", "no"]
    assert mine[1][1:] == [str(PPO.seeds[1]), "done", "48,000", "2.0", "1.5", "not played", "–"]
    assert [cells[2] for cells in mine[2:]] == ["not run"] * (len(PPO.seeds) - 2)


def test_shares_are_taken_within_a_round():
    rows = [speed(LIMIT, 0, 10_000), speed("ours-ppo", 0, 2_000)]
    rows += [speed(LIMIT, 1, 5_000), speed("ours-ppo", 1, 2_000)]
    rows += [speed("ours-a3c", 0, 0, status="failed")]
    table = speed_table(rows)
    shares = {cells[0]: cells[2] for cells in rows_of(table) if len(cells) == 3}
    about = {contender.name: contender.about for contender in CONTENDERS}
    assert shares[about["ours-ppo"]] == "0.30 (0.20–0.40)"
    assert shares[about["ours-a2c"]] == "–"
    assert "ours-a3c (speed, round 1): failed: out of memory" in table


def test_the_page_is_filled_from_what_is_kept(kept):
    text = MARKS.format("returns") + MARKS.format("speed")
    without = page_with(text, kept)
    assert "100.00" not in without
    assert "94.96 ± 0.44" in without
    assert "the scene alone" not in without
    record = {"machine": {"cpu": "A Processor", "cores": 2}, "rows": [speed(LIMIT, 0, 10_000)]}
    (kept / STUDY.name / "speed.json").write_text(json.dumps(record))
    assert "10,000 (10,000–10,000)" in page_with(text, kept)


def test_the_page_says_what_is_kept():
    page = PAGE.read_text()
    assert page_with(page) == page, (
        "run: python -m rllib_zoo.benchmarks.speed.ball_balance --pages-only"
    )
