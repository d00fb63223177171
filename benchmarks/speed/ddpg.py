"""DDPG's speed on Pendulum-v1 beside stable-baselines3's, in turn, in one go.

`python -m rllib_zoo.benchmarks.speed.ddpg --rounds 3 --out results/ddpg` also writes the table of
`docs/ddpg.md`; `--page` writes it from what is kept. Every run is a process of its own, a round
runs everybody once, and ratios are taken within a round.
"""

from __future__ import annotations

import json
import sys

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.settings.ddpg import CONTENDERS, EQUAL, PAIRS
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row
from rllib_zoo.benchmarks.speed.contenders import select
from rllib_zoo.benchmarks.speed.report import (
    good_of,
    on_machine,
    problem_lines,
    rewrite,
    spread_of,
    words,
)
from rllib_zoo.benchmarks.speed.rounds import measured, parser_of
from rllib_zoo.experiments.paths import RESULTS, ROOT

STEM = "ddpg-benchmark"
KEPT = RESULTS / "ddpg"
KEPT_ROWS = KEPT / f"{STEM}.json"
PAGE, SECTION = ROOT / "docs" / "ddpg.md", "speed"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    parser = parser_of(__doc__, CONTENDERS, rounds=3, steps=4_000)
    parser.add_argument("--page", action="store_true", help="write docs/ddpg.md from what is kept")
    options = parser.parse_args(argv)
    if options.page:
        (KEPT / f"{STEM}.md").write_text(report(json.loads(KEPT_ROWS.read_text())["rows"]) + "\n")
        rewrite(PAGE, page_with)
        return 0
    chosen = select(CONTENDERS, options.only)
    plan = [
        (contender, "speed", number) for number in range(options.rounds) for contender in chosen
    ]
    code = measured(plan, options.steps, report, stem=STEM, out=options.out)
    if options.out is not None and options.out.resolve() == KEPT:
        rewrite(PAGE, page_with)
    return code


def report(rows: list[Row]) -> str:
    """The tables in Markdown: every contender, then the ratios."""
    own = [
        [
            contender.about,
            words(spread_of(rows, contender.name, "speed", "steps_per_s"), ",.0f"),
            good_of(mine),
        ]
        for contender in CONTENDERS
        if (mine := [row for row in rows if row["name"] == contender.name])
    ]
    ratios = [
        [pair.ours, pair.peer, words(ratio, ".2f")]
        for pair in PAIRS
        if (ratio := arithmetic.speed_ratio(rows, pair.ours, pair.peer)) is not None
    ]
    return "\n\n".join(
        [
            tables.markdown(["contender", "steps/s: median (min–max)", "runs"], own).rstrip(),
            f"Ratios of steps/s within a round, {EQUAL} (above 1 ours is faster):",
            tables.markdown(["ours", "peer", "ratio: median (min–max)"], ratios).rstrip(),
            *problem_lines(rows),
        ]
    )


def page_with(text: str) -> str:
    """The page with its table filled from what is kept."""
    kept = json.loads(KEPT_ROWS.read_text())
    rounds = len({row["round"] for row in kept["rows"]})
    steps = max((row.get("steps", 0) for row in kept["rows"]), default=0)
    where = (
        f"Rounds: {rounds}, of {steps:,} measured steps at most. {on_machine(kept['machine'])}, "
        f"torch {kept['packages']['torch']}."
    )
    return between(text, SECTION, f"{report(kept['rows'])}\n\n{where}")


if __name__ == "__main__":
    sys.exit(main())
