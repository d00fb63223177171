"""The shared report: committed reports are what the code writes, `--report-only` measures nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.speed import atari, ball_balance, cartpole, ddpg, mujoco
from rllib_zoo.benchmarks.speed.contenders import Benchmark, Contender, Pair
from rllib_zoo.benchmarks.speed.report import page_section, report
from rllib_zoo.benchmarks.speed.rounds import main
from rllib_zoo.experiments.paths import RESULTS

BENCHMARKS = [module.BENCHMARK for module in (ball_balance, cartpole, ddpg, mujoco)]
COMMITTED = [
    *BENCHMARKS,
    *(replace(atari.benchmark("pong"), folder=RESULTS / name)
      for name in ("atari", "atari-a2c", "atari_a2c_equal")),
    replace(mujoco.BENCHMARK, stem="halfcheetah-returns"),
    replace(mujoco.BENCHMARK, folder=RESULTS / "mujoco_equal"),
]  # fmt: skip


def record_of(benchmark):
    return json.loads((benchmark.folder / f"{benchmark.stem}.json").read_text())


@pytest.mark.parametrize("benchmark", COMMITTED, ids=lambda b: f"{b.folder.name}/{b.stem}")
def test_the_committed_report_is_written_from_the_committed_rows(benchmark):
    rows = record_of(benchmark)["rows"]
    page = (benchmark.folder / f"{benchmark.stem}.md").read_text()
    assert report(benchmark, rows) + "\n" == page, "run the benchmark with --report-only"
    assert {row["status"] for row in rows} == {"ok"}


@pytest.mark.parametrize("benchmark", [b for b in BENCHMARKS if b.page], ids=lambda b: b.stem)
def test_the_page_shows_the_committed_report(benchmark):
    page = benchmark.page.read_text()
    assert between(page, "speed", page_section(benchmark, record_of(benchmark))) == page


def row(name, mode="speed", number=0, status="ok", **values):
    return {"name": name, "mode": mode, "round": number, "status": status, **values}


@pytest.fixture
def small(tmp_path):
    contenders = (Contender("a", "first", "x", "x"), Contender("b", "second", "x", "x"))
    page = tmp_path / "page.md"
    page.write_text("<!-- speed:begin -->\n<!-- speed:end -->\n")
    pairs = (Pair("t", "a", "b"),)
    return Benchmark("small", tmp_path, contenders, pairs, 1, 1, target=9, page=page)


def test_columns_without_a_value_are_left_out(small):
    text = report(small, [row("a", steps_per_s=2.0), row("b", steps_per_s=4.0)])
    assert "| contender | description | steps/s: median (min–max) | successful runs |" in text
    assert "| a | b | 0.50 (0.50–0.50) |\n" in f"{text}\n"
    seconds = {"seconds_from_process_start_to_threshold": 3.0}
    text = report(small, [row("a", "threshold", **seconds), row("b", "threshold", **seconds)])
    assert "| contender | description | seconds to 9: median (min–max) | successful runs |" in text
    assert "| contender | peer | ratio of seconds to 9: median (min–max) |" in text


def test_saved_rows_are_reported_again(small, tmp_path, capsys):
    assert main("", small, ["--report-only"]) == 2
    assert "error: --report-only reads saved rows: no small.json in" in capsys.readouterr().err
    assert main("", small, ["--append"]) == 2
    assert "error: --append reads saved rows: no --out" in capsys.readouterr().err
    machine = {"cpu": "A Processor", "cores": 2}
    rows = [row("a", steps_per_s=2.0, steps=50), row("b", status="failed", error="no")]
    (tmp_path / "small.json").write_text(json.dumps({"machine": machine, "rows": rows}))
    assert main("", small, ["--report-only"]) == 1
    assert "b (speed, round 1): failed: no" in (tmp_path / "small.md").read_text()
    page = small.page.read_text()
    assert "| b | second | – | 0 of 1, failed |" in page
    assert "Rounds: 1, of at most 50 measured steps a run. Machine: A Processor, 2 cores." in page
