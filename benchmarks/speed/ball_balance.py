"""3D ball balancing: the scene's own steps/s, and training's; the tables of `docs/3dball.md`.

`python -m rllib_zoo.benchmarks.speed.ball_balance --rounds 2` measures, keeps the rows in
`results/ball_balancing/` and fills the page's section `speed`; `--report-only` fills it from the
kept rows. Both fill the section `returns` from the kept runs of `rllib study run ball_balancing`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.speed.contenders import Benchmark, Contender, Pair, tuned
from rllib_zoo.benchmarks.speed.report import rewrite
from rllib_zoo.benchmarks.speed.rounds import parser_of, run
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.studies.catalog import STUDIES
from rllib_zoo.experiments.studies.catalog.ball_balancing import BALANCED
from rllib_zoo.experiments.studies.runs import Run, runs_of
from rllib_zoo.experiments.studies.tables import provenance, run_cells

PAGE = ROOT / "docs" / "3dball.md"
STUDY = STUDIES["ball_balancing"]
LIMIT = "scene-12"


def _scene(boards: int) -> Contender:
    description = f"the scene alone, {boards} boards, random actions"
    return Contender(f"scene-{boards}", description, "random_actions", f"3dball-{boards}")


CONTENDERS = (_scene(12), _scene(3), *(tuned("3dball", name) for name in ("ppo", "a2c", "a3c")))
BENCHMARK = Benchmark(
    stem="speed",
    folder=RESULTS / STUDY.name,
    contenders=CONTENDERS,
    pairs=tuple(
        Pair("against the scene alone with 12 boards", contender.name, LIMIT)
        for contender in CONTENDERS[1:]
    ),
    rounds=2,
    steps=24_000,
    page=PAGE,
)


def returns_table(runs: Sequence[Run]) -> str:
    """A row per requested run, missing runs included."""
    columns = ["run", "seed", "status", "agent steps", "training minutes"]
    columns += [
        "return while training, last 100 episodes",
        "greedy return over 100 episodes",
        "≥ 95",
    ]
    rows = [[f"`{r.cell.name}`", str(r.seed), *run_cells(r, BALANCED, 2)] for r in runs]
    return tables.markdown(columns, rows) + f"\n{provenance(runs)}"


def with_returns(text: str, results: Path = RESULTS) -> str:
    """The page with its section `returns` filled from the kept runs."""
    runs = [run for run in runs_of(STUDY, results) if run.seed in run.cell.seeds]
    return between(text, "returns", returns_table(runs))


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and write the page; exit code 1 when a run failed."""
    parser = parser_of(__doc__, BENCHMARK)
    parser.set_defaults(out=BENCHMARK.folder)
    code = run(BENCHMARK, parser.parse_args(argv))
    rewrite(PAGE, with_returns)
    return code


if __name__ == "__main__":
    sys.exit(main())
