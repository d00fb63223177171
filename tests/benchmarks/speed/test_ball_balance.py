"""The page of 3D ball balancing: what is missing is a row, shares are taken within a round."""

from __future__ import annotations

import pytest
from kept_runs import STARTED, keep_run, row

from rllib_zoo.benchmarks.speed.ball_balance import (
    BENCHMARK,
    LIMIT,
    PAGE,
    STUDY,
    returns_table,
    with_returns,
)
from rllib_zoo.benchmarks.speed.report import report
from rllib_zoo.experiments.studies.runs import runs_of, write_greedy

PPO = STUDY.cell("3dball-ppo")
MARKS = "<!-- returns:begin -->\n<!-- returns:end -->\n"


def speed(name, number, rate, status="ok"):
    fixed = {"name": name, "mode": "speed", "round": number, "status": status}
    return fixed | ({"steps_per_s": rate} if status == "ok" else {"error": "out of memory"})


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


def test_every_requested_run_has_a_row(kept):
    table = rows_of(returns_table(runs_of(STUDY, kept)))
    mine = [cells for cells in table if cells and cells[0] == "`3dball-ppo`"]
    assert mine[0][1:] == [str(PPO.seeds[0]), "done", "48,000", "2.0", "1.5", "94.96 ± 0.44", "no"]
    assert mine[1][1:] == [str(PPO.seeds[1]), "done", "48,000", "2.0", "1.5", "not played", "–"]
    assert [cells[2] for cells in mine[2:]] == ["not run"] * (len(PPO.seeds) - 2)


def test_shares_are_taken_within_a_round():
    rows = [speed(LIMIT, 0, 10_000), speed("ours-ppo", 0, 2_000)]
    rows += [speed(LIMIT, 1, 5_000), speed("ours-ppo", 1, 2_000)]
    rows += [speed("ours-a3c", 0, 0, status="failed")]
    text = report(BENCHMARK, rows)
    shares = {cells[0]: cells[2] for cells in rows_of(text) if cells[1:2] == [LIMIT]}
    assert shares == {"ours-ppo": "0.30 (0.20–0.40)"}
    assert "ours-a3c (speed, round 1): failed: out of memory" in text


def test_the_page_is_filled_from_the_kept_runs(kept):
    text = with_returns(MARKS, kept)
    assert "100.00" not in text
    assert "94.96 ± 0.44" in text


def test_the_page_shows_the_kept_runs():
    page = PAGE.read_text()
    assert with_returns(page) == page, (
        "run: python -m rllib_zoo.benchmarks.speed.ball_balance --report-only"
    )
