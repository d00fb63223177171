"""Ratios, pairing and spread: pure functions on rows, no files and no processes.

A row is one run: a dictionary with at least `name`, `round`, `mode` and `status`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = dict[str, Any]
SECONDS = "seconds_from_process_start_to_threshold"


@dataclass(frozen=True)
class Spread:
    """Smallest, middle and largest of `n` values."""

    minimum: float
    median: float
    maximum: float
    n: int


def spread(values: Iterable[float]) -> Spread | None:
    """Spread of the values; None without values, as nothing was measured."""
    ordered = sorted(values)
    if not ordered:
        return None
    return Spread(ordered[0], median(ordered), ordered[-1], len(ordered))


def good_values(rows: Iterable[Row], name: str, mode: str, key: str) -> dict[int, float]:
    """Round -> value of `key` over the runs of `name` in `mode` that ended with status "ok"."""
    return {
        row["round"]: row[key]
        for row in rows
        if row["name"] == name
        and row["mode"] == mode
        and row["status"] == "ok"
        and row.get(key) is not None
    }


def pair_ratios(numerator: dict[int, float], denominator: dict[int, float]) -> list[float]:
    """Numerator over denominator, round by round, for the rounds that both finished.

    Pairing removes a slow drift of the machine's speed: the two runs of a round are minutes apart.
    """
    shared = sorted(numerator.keys() & denominator.keys())
    return [numerator[r] / denominator[r] for r in shared if denominator[r] > 0]


def speed_ratio(rows: list[Row], ours: str, peer: str) -> Spread | None:
    """Ours / peer in steps per second: above 1 we are faster."""
    ours_rates = good_values(rows, ours, "speed", "steps_per_s")
    return spread(pair_ratios(ours_rates, good_values(rows, peer, "speed", "steps_per_s")))


def time_ratio(rows: list[Row], ours: str, peer: str) -> Spread | None:
    """Peer / ours in seconds to the threshold: above 1 we are faster."""
    peer_seconds = good_values(rows, peer, "threshold", SECONDS)
    return spread(pair_ratios(peer_seconds, good_values(rows, ours, "threshold", SECONDS)))


def problems(rows: Iterable[Row]) -> list[Row]:
    """The runs that did not end with status "ok", in order."""
    return [row for row in rows if row["status"] != "ok"]


def remaining_seconds(done: list[Row], pending: Iterable[tuple[str, str]]) -> float | None:
    """Expected seconds for the pending (name, mode) runs, from the runs already done.

    A run that was not done yet is expected to last as long as the mean of all; None before the first.
    """
    if not done:
        return None
    seen: dict[tuple[str, str], list[float]] = {}
    for row in done:
        seen.setdefault((row["name"], row["mode"]), []).append(row["seconds_of_process"])
    overall = sum(row["seconds_of_process"] for row in done) / len(done)
    means = {key: sum(values) / len(values) for key, values in seen.items()}
    return sum(means.get(key, overall) for key in pending)


def ceiling(emulator: float, forward: float, training: float, passes: int) -> float:
    """Steps per second if only emulator, inference and training passes took time.

    Args:
        emulator, forward, training: steps per second of each alone, on the same cores.
        passes: how many training passes each step is part of.
    """
    return 1.0 / (1.0 / emulator + 1.0 / forward + passes / training)
