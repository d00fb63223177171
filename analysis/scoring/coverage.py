"""What an interval is worth: how often one of so few runs contains the true interquartile mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

# Written by `python -m rllib_zoo.benchmarks.pages.interval_coverage`; beside this file, so that an
# installed package has it.
RECORD = Path(__file__).parent / "interval_coverage.json"
METHOD = "percentile"
METHODS = (METHOD, "basic", "BCa", "Student's t")


@cache
def simulation() -> dict[str, Any]:
    """The record: settings, and ``percent``: method → shape of scores → number of runs → percent."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def covered(runs: int, method: str = METHOD) -> tuple[int, int]:
    """Percent of intervals that contain the true value, [lowest, highest] over the shapes of scores.

    Args:
        runs: at least 2; between two simulated numbers the lower one counts.
        method: of the interval.
    """
    shapes = simulation()["percent"][method].values()
    simulated = max(number for number in map(int, next(iter(shapes))) if number <= runs)
    percents = [shape[str(simulated)] for shape in shapes]
    return round(min(percents)), round(max(percents))


def covered_text(runs: int, method: str = METHOD) -> str:
    """``73–76 %``; "–" without an interval."""
    if runs < 2:
        return "–"
    low, high = covered(runs, method)
    return f"{low} %" if low == high else f"{low}–{high} %"


def coverage_table(runs: Sequence[int] = (2, 3, 5, 10, 20)) -> tuple[list[str], list[list[str]]]:
    """Headings and a row per kind of interval: how often it contains the true value, by number of runs."""
    rows = [[method, *(covered_text(number, method) for number in runs)] for method in METHODS]
    return ["interval", *(f"{number} runs" for number in runs)], rows
