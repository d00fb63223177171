"""CartPole-v1 speed: us and the peers in turn, in one go, as ratios with their spread.

`python -m rllib_zoo.benchmarks.speed.cartpole --rounds 3 --out results/cartpole-speed`. Every run
is a process of its own; a round runs every contender once, so that a drift of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from functools import partial

from rllib_zoo.analysis.report import tables
from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row
from rllib_zoo.benchmarks.speed.contenders import (
    AS_SHIPPED,
    CONTENDERS,
    EQUAL,
    PAIRS,
    Contender,
    select,
)
from rllib_zoo.benchmarks.speed.report import good_of, problem_lines, spread_of, words
from rllib_zoo.benchmarks.speed.rounds import measured, parser_of

STEM = "cartpole-benchmark"
THRESHOLD = 475.0


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    options = _parse(argv)
    modes = ["threshold"] if options.threshold_only else ["speed"]
    if options.threshold:
        modes.append("threshold")
    plan = [
        (contender, mode, number)
        for number in range(options.rounds)
        for mode in modes
        for contender in select(CONTENDERS, options.only)
        if mode == "speed" or contender.threshold
    ]
    earlier: list[Row] = []
    if options.append:
        earlier = json.loads((options.out / f"{STEM}.json").read_text())["rows"]
    return measured(
        plan,
        options.steps,
        partial(report, contenders=CONTENDERS),
        stem=STEM,
        out=options.out,
        target=THRESHOLD,
        earlier=earlier,
    )


def report(rows: list[Row], contenders: Iterable[Contender]) -> str:
    """The tables in Markdown: every contender, then ratios as shipped and at equal settings."""
    parts = [_contender_table(rows, contenders)]
    for title in (AS_SHIPPED, EQUAL):
        parts.append(f"Ratios, {title} (steps/s of ours over the peer's; above 1 ours is faster):")
        parts.append(_ratio_table(rows, title))
    return "\n\n".join([*parts, *problem_lines(rows)])


def _contender_table(rows: list[Row], contenders: Iterable[Contender]) -> str:
    columns = ["contender", "steps/s: median (min–max)", "seconds to 475: median (min–max)"]
    columns += ["steps to 475", "peak MiB (PSS)", "runs"]
    lines = []
    for contender in contenders:
        own = [row for row in rows if row["name"] == contender.name]
        if not own:
            continue
        rates = spread_of(rows, contender.name, "speed", "steps_per_s")
        seconds = spread_of(rows, contender.name, "threshold", arithmetic.SECONDS)
        steps = spread_of(rows, contender.name, "threshold", "steps_to_threshold")
        memory = arithmetic.spread(row.get("peak_pss_mib", 0.0) for row in own)
        line = [contender.about, words(rates, ",.0f"), words(seconds, ".1f")]
        line += [words(steps, ",.0f"), f"{memory.maximum if memory else 0:,.0f}", good_of(own)]
        lines.append(line)
    return tables.markdown(columns, lines).rstrip()


def _ratio_table(rows: list[Row], title: str) -> str:
    columns = ["ours", "peer", "speed ratio: median (min–max)", "time ratio to 475"]
    lines = []
    for pair in PAIRS:
        if pair.table != title:
            continue
        speed = arithmetic.speed_ratio(rows, pair.ours, pair.peer)
        seconds = arithmetic.time_ratio(rows, pair.ours, pair.peer)
        if speed or seconds:
            lines.append([pair.ours, pair.peer, words(speed, ".1f"), words(seconds, ".1f")])
    return tables.markdown(columns, lines).rstrip()


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, CONTENDERS, rounds=3, steps=80_000)
    parser.add_argument("--threshold", action="store_true", help="also time the way to 475")
    parser.add_argument("--threshold-only", action="store_true", help="only time the way to 475")
    parser.add_argument("--append", action="store_true", help="add to the rows already in --out")
    options = parser.parse_args(argv)
    if options.append and options.out is None:
        parser.error("--append needs --out")
    return options


if __name__ == "__main__":
    sys.exit(main())
