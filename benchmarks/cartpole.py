"""CartPole-v1 speed: us and the peers in turn, in one go, as ratios with their spread.

`python -m benchmarks.cartpole --rounds 3 --out results/cartpole-speed`. Every run is a process of
its own; a round runs every contender once, so that a drift of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import arithmetic
from benchmarks.arithmetic import Row, Spread
from benchmarks.contenders import AS_SHIPPED, CONTENDERS, EQUAL, PAIRS, Contender
from benchmarks.measure import run_contender
from experiments.manifest import machine, package_versions
from experiments.progress import clock

THRESHOLD = 475.0
SECONDS = "seconds_from_process_start_to_threshold"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a run failed."""
    options = _parse(argv)
    chosen = [c for c in CONTENDERS if not options.only or c.name in options.only]
    modes = ["threshold"] if options.threshold_only else ["speed"]
    if options.threshold:
        modes.append("threshold")
    plan = [
        (contender, mode, number)
        for number in range(options.rounds)
        for mode in modes
        for contender in chosen
        if mode == "speed" or contender.threshold
    ]
    rows: list[Row] = []
    earlier: list[Row] = []
    if options.append:
        record = json.loads((options.out / "cartpole-benchmark.json").read_text())
        earlier = record["rows"]
    for index, (contender, mode, number) in enumerate(plan):
        to_come = [(c.name, m) for c, m, _ in plan[index:]]
        left = arithmetic.remaining_seconds(rows, to_come)
        eta = f", about {clock(left)} left" if left else ""
        print(
            f"[{index + 1}/{len(plan)}] {contender.name}, {mode}, round {number + 1}{eta}",
            file=sys.stderr,
            flush=True,
        )
        rows.append(run_contender(contender, mode, number, options.steps, THRESHOLD))
    rows = earlier + rows
    text = report(rows, CONTENDERS)
    print(text)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        record = {"machine": machine(), "packages": package_versions(), "rows": rows}
        (options.out / "cartpole-benchmark.json").write_text(json.dumps(record, indent=1) + "\n")
        (options.out / "cartpole-benchmark.md").write_text(text + "\n")
    return 1 if arithmetic.problems(rows) else 0


def report(rows: list[Row], contenders: list[Contender] | tuple[Contender, ...]) -> str:
    """The tables in Markdown: every contender, then ratios as shipped and at equal settings."""
    parts = [_contender_table(rows, contenders)]
    for title in (AS_SHIPPED, EQUAL):
        parts.append(f"Ratios, {title} (steps/s of ours over the peer's; above 1 ours is faster):")
        parts.append(_ratio_table(rows, title))
    failures = arithmetic.problems(rows)
    for row in failures:
        parts.append(
            f"{row['name']} ({row['mode']}, round {row['round'] + 1}): {row['status']}: "
            f"{row.get('error', '')}"
        )
    return "\n\n".join(parts)


def _contender_table(rows: list[Row], contenders: Any) -> str:
    lines = [
        "| contender | steps/s: median (min–max) | seconds to 475: median (min–max) "
        "| steps to 475 | peak MiB (PSS) | runs |",
        "|---|---|---|---|---|---|",
    ]
    for contender in contenders:
        own = [row for row in rows if row["name"] == contender.name]
        if not own:
            continue
        rates = _of(rows, contender.name, "speed", "steps_per_s")
        seconds = _of(rows, contender.name, "threshold", SECONDS)
        steps = _of(rows, contender.name, "threshold", "steps_to_threshold")
        memory = arithmetic.spread(row.get("peak_pss_mib", 0.0) for row in own)
        good = sum(row["status"] == "ok" for row in own)
        lines.append(
            f"| {contender.about} | {_words(rates, ',.0f')} | {_words(seconds, '.1f')} | "
            f"{_words(steps, ',.0f')} | {memory.maximum if memory else 0:,.0f} | "
            f"{good} of {len(own)} |"
        )
    return "\n".join(lines)


def _ratio_table(rows: list[Row], title: str) -> str:
    lines = [
        "| ours | peer | speed ratio: median (min–max) | time ratio to 475 |",
        "|---|---|---|---|",
    ]
    for pair in PAIRS:
        if pair.table != title:
            continue
        speed = arithmetic.speed_ratio(rows, pair.ours, pair.peer)
        seconds = arithmetic.time_ratio(rows, pair.ours, pair.peer)
        if speed or seconds:
            lines.append(
                f"| {pair.ours} | {pair.peer} | {_words(speed, '.1f')} | {_words(seconds, '.1f')} |"
            )
    return "\n".join(lines)


def _of(rows: list[Row], name: str, mode: str, key: str) -> Spread | None:
    return arithmetic.spread(arithmetic.good_values(rows, name, mode, key).values())


def _words(value: Spread | None, style: str) -> str:
    if value is None:
        return "–"
    return f"{value.median:{style}} ({value.minimum:{style}}–{value.maximum:{style}})"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    names = [contender.name for contender in CONTENDERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=80_000, help="measured agent steps per run")
    parser.add_argument("--only", nargs="+", choices=names, help="these contenders only")
    parser.add_argument("--threshold", action="store_true", help="also time the way to 475")
    parser.add_argument("--threshold-only", action="store_true", help="only time the way to 475")
    parser.add_argument("--out", type=Path, help="folder for the table and the raw rows")
    parser.add_argument("--append", action="store_true", help="add to the rows already in --out")
    options = parser.parse_args(argv)
    if options.append and options.out is None:
        parser.error("--append needs --out")
    return options


if __name__ == "__main__":
    sys.exit(main())
