"""Running a benchmark: contenders take turns, one process at a time, saved after every run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row
from rllib_zoo.benchmarks.speed.contenders import Benchmark, Contender, select
from rllib_zoo.benchmarks.speed.measure import run_contender
from rllib_zoo.benchmarks.speed.report import fill, page_section, report, save, save_report
from rllib_zoo.experiments.tune.progress import format_duration

Turn = tuple[Contender, str, int]


def parser_of(description: str | None, benchmark: Benchmark) -> argparse.ArgumentParser:
    """The options of a benchmark; those of threshold and return mode only where it has the mode."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [contender.name for contender in benchmark.contenders]
    rounds, steps = benchmark.rounds, benchmark.steps
    parser.add_argument("--rounds", type=int, default=rounds, help=f"[{rounds}]")
    parser.add_argument("--steps", type=int, default=steps, help=f"measured per run [{steps:,}]")
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help=f"contenders: {', '.join(names)}"
    )
    parser.add_argument("--out", type=Path, help="folder for the rows and the report")
    parser.add_argument("--append", action="store_true", help="add to the rows in --out")
    parser.add_argument(
        "--report-only",
        "--pages-only",
        "--page",
        action="store_true",
        help="measure nothing: rewrite the report, and the documentation page that shows it, from "
        f"the rows in --out [results/{benchmark.folder.name}]",
    )
    if "threshold" in benchmark.modes:
        goal = f"the time to a mean return of {benchmark.target:g}"
        parser.add_argument("--threshold", action="store_true", help=f"also measure {goal}")
        parser.add_argument("--threshold-only", action="store_true", help=f"measure only {goal}")
    if "return" in benchmark.modes:
        steps_text = f"the return after {benchmark.target:,.0f} steps"
        parser.add_argument("--returns", action="store_true", help=f"also measure {steps_text}")
    return parser


def main(description: str | None, benchmark: Benchmark, argv: list[str] | None = None) -> int:
    """A benchmark's command: parse the options, then :func:`run`."""
    return run(benchmark, parser_of(description, benchmark).parse_args(argv))


def run(benchmark: Benchmark, options: argparse.Namespace) -> int:
    """Measure, or read saved rows; print the report and save it.

    Returns:
        Exit code: 1 when a run failed, 2 when there are no saved rows to read.
    """
    folder = options.out
    if options.report_only:
        folder = folder or benchmark.folder
    rows: list[Row] = []
    if options.append or options.report_only:
        if folder is None or not (folder / f"{benchmark.stem}.json").is_file():
            option = "--append" if options.append else "--report-only"
            missing = "no --out" if folder is None else f"no {benchmark.stem}.json in {folder}"
            print(f"error: {option} reads saved rows: {missing}", file=sys.stderr)
            return 2
        rows = json.loads((folder / f"{benchmark.stem}.json").read_text())["rows"]
    if options.report_only:
        save_report(benchmark, folder, rows)
    else:
        turns = plan(benchmark, options.rounds, options.only, modes_of(options))
        rows = take_turns(
            turns,
            options.steps,
            benchmark.target,
            lambda done: None if folder is None else save(benchmark, folder, done),
            rows,
        )
    print(report(benchmark, rows))
    if benchmark.page and folder is not None and folder.resolve() == benchmark.folder:
        record = json.loads((folder / f"{benchmark.stem}.json").read_text())
        fill(benchmark.page, "speed", page_section(benchmark, record))
    return 1 if arithmetic.problems(rows) else 0


def modes_of(options: argparse.Namespace) -> list[str]:
    """The modes set by the options, in the order they are measured within a round."""
    if getattr(options, "threshold_only", False):
        return ["threshold"]
    modes = ["speed", "memory"]
    modes += ["threshold"] if getattr(options, "threshold", False) else []
    return modes + (["return"] if getattr(options, "returns", False) else [])


def plan(
    benchmark: Benchmark, rounds: int, only: Iterable[str] | None, modes: Sequence[str]
) -> list[Turn]:
    """Every selected contender once a round in each of its modes."""
    return [
        (contender, mode, number)
        for number in range(rounds)
        for mode in modes
        for contender in select(benchmark.contenders, only)
        if mode in contender.modes
    ]


def take_turns(
    turns: Sequence[Turn],
    steps: int,
    target: float,
    keep: Callable[[list[Row]], None],
    earlier: Sequence[Row] = (),
) -> list[Row]:
    """Run (contender, mode, round) one after the other; a row each, for failed runs too.

    Args:
        turns: the runs in order; rounds count from 0.
        steps: measured environment steps of a run, before the contender's `steps_factor`.
        target: of :class:`Benchmark`.
        keep: called with all rows so far after every run, so that an interruption loses one run.
        earlier: rows to put before the new ones.
    """
    rows: list[Row] = []
    for index, (contender, mode, number) in enumerate(turns):
        left = arithmetic.remaining_seconds(rows, [(c.name, m) for c, m, _ in turns[index:]])
        eta = f", about {format_duration(left)} left" if left else ""
        progress = f"[{index + 1}/{len(turns)}] {contender.name}, {mode}, round {number + 1}{eta}"
        print(progress, file=sys.stderr, flush=True)
        rows.append(run_contender(contender, mode, number, steps, target))
        keep([*earlier, *rows])
    return [*earlier, *rows]
