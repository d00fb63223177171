"""3D ball balancing: the scene's own speed and our training's share of it; the page's two tables.

`python -m rllib_zoo.benchmarks.speed.ball_balance --rounds 2` measures, keeps the rows in
`results/ball_balancing/` and writes the marked sections of `docs/3dball.md`; `--pages-only` writes
them from what is kept, the returns of `rllib study run ball_balancing` included.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row
from rllib_zoo.benchmarks.speed.contenders import Contender, tuned
from rllib_zoo.benchmarks.speed.report import (
    on_machine,
    problem_lines,
    rewrite,
    spread_of,
    words,
)
from rllib_zoo.benchmarks.speed.rounds import measured
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.studies.catalog import STUDIES
from rllib_zoo.experiments.studies.catalog.ball_balancing import BALANCED
from rllib_zoo.experiments.studies.runs import Run, runs_of
from rllib_zoo.experiments.studies.tables import provenance, run_cells

STEM = "speed"
PAGE = ROOT / "docs" / "3dball.md"
STUDY = STUDIES["ball_balancing"]
LIMIT = "scene-12"
CONTENDERS = (
    Contender(LIMIT, "the scene alone, 12 boards, random actions", "ball_scene", "12"),
    Contender("scene-3", "the scene alone, 3 boards, random actions", "ball_scene", "3"),
    *(tuned("3dball", algorithm) for algorithm in ("ppo", "a2c", "a3c")),
)


def speed_table(rows: list[Row]) -> str:
    """Steps per second and the share of the limit, taken within a round."""
    lines = []
    for contender in CONTENDERS:
        rate = spread_of(rows, contender.name, "speed", "steps_per_s")
        share = arithmetic.speed_ratio(rows, contender.name, LIMIT)
        lines.append([contender.about, words(rate, ",.0f"), words(share, ".2f")])
    columns = [
        "",
        "agent steps/s: median (min–max)",
        "share of the scene with 12 boards: median (min–max)",
    ]
    return "\n\n".join([tables.markdown(columns, lines).strip(), *problem_lines(rows)])


def returns_table(runs: Sequence[Run]) -> str:
    """A row per wanted run, those that are missing too."""
    columns = ["run", "seed", "status", "agent steps", "training minutes"]
    columns += [
        "return while training, last 100 episodes",
        "greedy return over 100 episodes",
        "≥ 95",
    ]
    rows = [[f"`{r.cell.name}`", str(r.seed), *run_cells(r, BALANCED, 2)] for r in runs]
    return tables.markdown(columns, rows) + f"\n{provenance(runs)}"


def page_with(text: str, results: Path = RESULTS) -> str:
    """The page with its sections filled from what is kept."""
    wanted = [run for run in runs_of(STUDY, results) if run.seed in run.cell.seeds]
    text = between(text, "returns", returns_table(wanted))
    kept = results / STUDY.name / f"{STEM}.json"
    if kept.exists():
        record = json.loads(kept.read_text())
        body = f"{speed_table(record['rows'])}\n\n{on_machine(record['machine'])}."
        text = between(text, "speed", body)
    return text


def main(argv: list[str] | None = None) -> int:
    """Measure where asked, then write; exit code 1 when a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=24_000, help="measured agent steps per run")
    parser.add_argument("--pages-only", action="store_true", help="measure nothing")
    options = parser.parse_args(argv)
    code = 0
    if not options.pages_only:
        plan = [(c, "speed", number) for number in range(options.rounds) for c in CONTENDERS]
        code = measured(plan, options.steps, speed_table, stem=STEM, out=RESULTS / STUDY.name)
    rewrite(PAGE, page_with)
    return code


if __name__ == "__main__":
    sys.exit(main())
