"""Contenders taking turns: their options, one process at a time, and what is kept after every run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rllib_zoo.benchmarks.speed import arithmetic
from rllib_zoo.benchmarks.speed.arithmetic import Row
from rllib_zoo.benchmarks.speed.contenders import Contender
from rllib_zoo.benchmarks.speed.measure import run_contender
from rllib_zoo.benchmarks.speed.report import save
from rllib_zoo.experiments.tune.progress import clock

Turn = tuple[Contender, str, int]


def parser_of(
    description: str | None, contenders: Iterable[Contender], *, rounds: int, steps: int
) -> argparse.ArgumentParser:
    """The options that the benchmarks share, with their own defaults."""
    names = [contender.name for contender in contenders]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--steps", type=int, default=steps, help="measured agent steps per run")
    parser.add_argument("--only", nargs="+", choices=names, help="these contenders only")
    parser.add_argument("--out", type=Path, help="folder for the table and the raw rows")
    return parser


def measured(
    plan: Sequence[Turn],
    steps: int,
    report: Callable[[list[Row]], str],
    *,
    stem: str,
    out: Path | None,
    target: float = 0.0,
    earlier: Sequence[Row] = (),
) -> int:
    """Take the turns and print the report.

    Args:
        plan, steps, target: of :func:`take_turns`.
        report: text of all rows.
        stem: of the files in `out`, rows and report, which are written after every run.
        out: their folder; None keeps nothing.
        earlier: rows to put before the new ones.

    Returns:
        Exit code: 1 when a run failed.
    """

    def keep(rows: list[Row]) -> None:
        if out is not None:
            save(out, stem, [*earlier, *rows], report([*earlier, *rows]))

    rows = [*earlier, *take_turns(plan, steps, target, keep)]
    print(report(rows))
    return 1 if arithmetic.problems(rows) else 0


def take_turns(
    plan: Sequence[Turn], steps: int, target: float, keep: Callable[[list[Row]], None]
) -> list[Row]:
    """Run (contender, mode, round) one after the other; a row each, failed ones too.

    Args:
        plan: the runs in order; rounds count from 0.
        steps: measured agent steps of a run, before the contender's own factor.
        target: mean return that threshold mode waits for, or steps after which return mode tells it.
        keep: shown all rows so far after every run, so that an interruption loses one run.
    """
    rows: list[Row] = []
    for index, (contender, mode, number) in enumerate(plan):
        left = arithmetic.remaining_seconds(rows, [(c.name, m) for c, m, _ in plan[index:]])
        eta = f", about {clock(left)} left" if left else ""
        where = f"[{index + 1}/{len(plan)}] {contender.name}, {mode}, round {number + 1}{eta}"
        print(where, file=sys.stderr, flush=True)
        rows.append(run_contender(contender, mode, number, steps, target))
        keep(rows)
    return rows
