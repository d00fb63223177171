"""Contenders taking turns: one process at a time, with the time left on the error stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from benchmarks import arithmetic
from benchmarks.arithmetic import Row
from benchmarks.contenders import Contender
from benchmarks.measure import run_contender
from experiments.progress import clock

Turn = tuple[Contender, str, int]


def take_turns(
    plan: Sequence[Turn],
    steps: int,
    threshold: float,
    keep: Callable[[list[Row]], None] = lambda rows: None,
) -> list[Row]:
    """Run (contender, mode, round) one after the other; a row each, failed ones too.

    Args:
        plan: the runs in order; rounds count from 0.
        steps: measured agent steps of a run, before the contender's own factor.
        threshold: mean return that threshold mode waits for.
        keep: shown all rows so far after every run, so that an interruption loses one run.
    """
    rows: list[Row] = []
    for index, (contender, mode, number) in enumerate(plan):
        left = arithmetic.remaining_seconds(rows, [(c.name, m) for c, m, _ in plan[index:]])
        eta = f", about {clock(left)} left" if left else ""
        where = f"[{index + 1}/{len(plan)}] {contender.name}, {mode}, round {number + 1}{eta}"
        print(where, file=sys.stderr, flush=True)
        rows.append(run_contender(contender, mode, number, steps, threshold))
        keep(rows)
    return rows
