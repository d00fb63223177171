"""Whether sampled values stay constant: slopes with intervals, from the samples to a table.

A slope is that of a straight line by least squares. Samples 10 seconds apart are not independent: memory
moves in steps that last for minutes. An interval for independent samples would be several times too
narrow, so the residuals are resampled in blocks (moving-block bootstrap, Künsch 1989) far longer than
that; the interval holds 95 % of the slopes of 2,000 such series.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.report import tables
from rllib_zoo.benchmarks.speed.report import on_machine

COLUMNS = (
    "seconds", "role", "pid", "pss_mib", "private_mib", "anonymous_mib", "descriptors", "threads",
    "cpu_seconds", "steps", "training_seconds", "iterations",
)  # fmt: skip
# Parts of the run: the first is left out, as caches fill and windows of results grow; each of the others
# is as long as a block: 10 minutes in a run of two hours.
PARTS = 12
RESAMPLES = 2_000
HOURS = 2.0
# A value is flat if it changes by no more than this over HOURS: a share of its mean, or a count.
MEMORY_SHARE, RATE_SHARE, COUNT = 0.02, 0.05, 1.0
SECTION = "endurance"
# PSS falls when another program loads the same libraries, and rises when it ends; so does private memory
# when it is the only other one. Anonymous memory does not; earlier samples lack it, the first have PSS alone.
WATCHED = {
    "pss_mib": ("memory (PSS), MiB", MEMORY_SHARE),
    "private_mib": ("private memory, MiB", MEMORY_SHARE),
    "anonymous_mib": ("anonymous memory, MiB", MEMORY_SHARE),
    "descriptors": ("file descriptors", None),
    "threads": ("threads", None),
}
ROLES = ("command", "trainer", "runner")
# Other programs slow a training in wall-clock time, but hardly in its own CPU time.
CLOCKS = {
    "steps/s": "training_seconds",
    "steps per CPU second of trainer and runners": "cpu_seconds",
}


def report_of(samples: Path) -> dict[str, Any]:
    """Slopes of every sampled value, as plain data.

    Args:
        samples: CSV file with :data:`COLUMNS`.
    """
    with samples.open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["steps"]]
    # After the trainer's end the command runs alone for a moment.
    training = {row["seconds"] for row in rows if row["role"] == "trainer"}
    rows = [row for row in rows if row["seconds"] in training]
    if not rows:
        return {"minutes": 0.0, "samples": 0, "lines": []}
    seconds = sorted({float(row["seconds"]) for row in rows})
    since = seconds[0] + (seconds[-1] - seconds[0]) / PARTS
    lines = []
    for role in ROLES:
        for name, (title, share) in WATCHED.items():
            own = [row for row in rows if row["role"] == role and row.get(name)]
            if series := _summed(own, name, since):
                lines.append(_line(f"{role}: {title}", series, share))
    for name, clock in CLOCKS.items():
        rate = _rates(rows, clock, since)
        if rate:
            lines.append(_line(name, rate, RATE_SHARE))
    return {
        "minutes": round((seconds[-1] - seconds[0]) / 60, 1),
        "samples": len(seconds),
        "steps": max(int(row["steps"]) for row in rows),
        "lines": lines,
    }


Series = list[tuple[float, float]]


def _summed(rows: Sequence[dict[str, str]], name: str, since: float) -> Series:
    """(second, sum over the processes of one role) of every sample from `since` on."""
    sums: dict[float, float] = defaultdict(float)
    for row in rows:
        if float(row["seconds"]) >= since:
            sums[float(row["seconds"])] += float(row[name])
    return sorted(sums.items())


def _rates(rows: Sequence[dict[str, str]], clock: str, since: float) -> Series:
    """(second, steps per second of a clock since the previous result) of every new result."""
    spent: dict[float, float] = defaultdict(float)
    for row in rows:
        second = float(row["seconds"])
        if clock == "training_seconds":
            spent[second] = float(row[clock])
        elif row["role"] in ("trainer", "runner"):
            spent[second] += float(row[clock])
    seen: dict[int, tuple[float, float, int]] = {}
    for row in rows:
        steps, second = int(row["steps"]), float(row["seconds"])
        seen.setdefault(steps, (second, spent[second], steps))
    results = [seen[steps] for steps in sorted(seen)]
    return [
        (second, (steps - before) / (after - earlier))
        for (_, earlier, before), (second, after, steps) in pairwise(results)
        if second >= since and after > earlier
    ]


def _line(name: str, series: Series, share: float | None) -> dict[str, Any]:
    seconds, values = map(np.array, zip(*series, strict=True))
    mean = float(values.mean())
    bound = COUNT if share is None else share * abs(mean)
    line = {
        "name": name,
        "parts": _means(seconds, values),
        "mean": mean,
        "least": float(values.min()),
        "most": float(values.max()),
        "bound_per_two_hours": bound,
    }
    interval = slope_interval(seconds / 3600, values)
    if interval is None:
        return {**line, "flat": None, "why": "too few samples"}
    slope, low, high = interval
    within = abs(slope) * HOURS <= bound
    reason = "the interval holds 0" if low <= 0.0 <= high else "below the bound"
    flat = bool(low <= 0.0 <= high or within)
    return {
        **line,
        "per_hour": slope,
        "low": low,
        "high": high,
        "flat": flat,
        "why": reason if flat else "above the bound",
    }


def _means(seconds: np.ndarray, values: np.ndarray) -> list[float | None]:
    """Means of equal spans of time; None for a span without a sample."""
    edges = np.linspace(seconds[0], seconds[-1], PARTS)
    spans = np.clip(np.digitize(seconds, edges), 1, PARTS - 1)
    inside = [values[spans == i] for i in range(1, PARTS)]
    return [float(part.mean()) if len(part) else None for part in inside]


def slope_interval(
    hours_T: np.ndarray, values_T: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float, float] | None:
    """Slope of the values per hour and its 95 % interval, see the module's docstring.

    Args:
        hours_T: times, hours [T], rising.
        values_T: [T].
        seed: of the bootstrap: the same samples give the same interval.
        resamples: of the bootstrap.

    Returns:
        slope, low, high; None where a block would have fewer than two samples.
    """
    number = len(values_T)
    block = number // (PARTS - 1)
    if block < 2:
        return None
    centred = hours_T - hours_T.mean()
    slope = float(centred @ values_T / (centred @ centred))
    residuals = values_T - values_T.mean() - slope * centred
    generator = np.random.default_rng(seed)
    blocks = -(-number // block)
    starts = generator.integers(0, number - block + 1, size=(resamples, blocks))
    picked = (starts[:, :, None] + np.arange(block)).reshape(resamples, -1)[:, :number]
    slopes = slope + residuals[picked] @ centred / (centred @ centred)
    low, high = np.quantile(slopes, [0.025, 0.975])
    return slope, float(low), float(high)


def table(report: dict[str, Any]) -> str:
    """The report in Markdown."""
    about, lines = report["about"], report["lines"]
    if not lines:
        return "Not run yet."
    part = report["minutes"] / PARTS
    columns = ["what", "mean (least–most)", "change per hour (95 % interval)"]
    slopes = tables.markdown(
        [*columns, "bound per 2 hours", "result"], [_cells(line) for line in lines]
    )
    means = [
        [line["name"], *("–" if mean is None else f"{mean:,.1f}" for mean in line["parts"])]
        for line in lines
    ]
    return (
        f"{report['minutes']:,.0f} minutes of `{about['file']}` with {', '.join(about['set'])} on "
        f"{about['date']}: {report['steps']:,} steps, {report['samples']:,} samples, exit code "
        f"{about['exit_code']}. {on_machine(about['machine'])}.\n\n{slopes}\n"
        f"The same as means of {part:.0f} minutes each, after the first {part:.0f}: a step is not a "
        "slope.\n\n" + tables.markdown(["what", *(str(i) for i in range(1, PARTS))], means).rstrip()
    )


def _cells(line: dict[str, Any]) -> list[str]:
    flat = line["flat"]
    result = {None: "unknown", True: "flat", False: "NOT flat"}[flat]
    slope = "–"
    if flat is not None:
        slope = f"{line['per_hour']:+,.2f} ({line['low']:+,.2f} to {line['high']:+,.2f})"
    spread = f"{line['mean']:,.1f} ({line['least']:,.1f}–{line['most']:,.1f})"
    bound = f"{line['bound_per_two_hours']:,.1f}"
    return [line["name"], spread, slope, bound, f"{result}: {line['why']}"]
