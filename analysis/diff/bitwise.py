"""Comparing a reproduced run with its original, result by result, without tolerance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.curve_csv import KEPT, Row, read_results, read_rows, rounded
from rllib_zoo.analysis.files.record import Trial
from rllib_zoo.analysis.files.result_json import map_results
from rllib_zoo.analysis.files.trials import RESULT
from rllib_zoo.analysis.results import flat
from rllib_zoo.analysis.scoring.groups import IGNORED_KEYS, value_text

# Keys of a result about clocks, processes and machines, at any depth.
NOT_LEARNING = frozenset(
    ("timers", "perf", "config", "date", "timestamp", "pid", "hostname", "node_ip", "trial_id",
     "experiment_tag", "fault_tolerance", "env_runner_group", "iterations_since_restore", "done",
     "time_total_s", "time_this_iter_s", "time_since_restore", "should_checkpoint")
)  # fmt: skip
RATE_SUFFIX = "_per_second"
# Differing keys that a message names.
NAMED_KEYS = 3


@dataclass(frozen=True)
class Check:
    """The outcome of one comparison: whether it passed, and a sentence on why."""

    same: bool
    text: str


def pairs(
    originals: Sequence[Trial], again: Sequence[Trial]
) -> Iterator[tuple[Trial, Trial | None]]:
    """Each original with the trial that repeats it; None if that is missing."""
    unpaired = list(again)
    # A kept curve has the config of its file, a trial's folder what Tune made of it: where the seed is
    # enough, configurations are not compared.
    distinct_seeds = len(set(map(_seed_of, originals))) == len(originals)
    key = _seed_of if distinct_seeds else _seed_and_configuration
    for trial in originals:
        repeated = next((other for other in unpaired if key(other) == key(trial)), None)
        if repeated is not None:
            unpaired.remove(repeated)
        yield trial, repeated


def bit_by_bit(original: Trial, again: Trial, *, prefix: bool) -> Check:
    """Compare everything a trial learned, without tolerance.

    Args:
        original: a trial's folder, or a committed curve, which is compared in its digits.
        again: the trial's folder that repeats it.
        prefix: compare common rows only, because a clock or an interruption decided how many there are.
    """
    if original.path.suffix == ".csv":
        return _kept_rows(original.path, again.path / RESULT, prefix=prefix)
    first, second = rows_of(original.path / RESULT), rows_of(again.path / RESULT)
    common = [number for number in first if number in second]
    for number in common:
        if differing := _differing(first[number], second[number]):
            return Check(False, f"row {number} differs: {_sentence(differing)}")
    return _lengths(len(common), len(first), len(second), prefix=prefix)


def is_copy(original: Trial, again: Trial) -> bool:
    """Whether a trial has the clock of another one in every common row: it was copied, not repeated."""
    kept = original.path.suffix == ".csv"
    first = read_rows(original.path) if kept else read_results(original.path / RESULT)
    second = read_results(again.path / RESULT)
    clocks = {row["steps"]: row["seconds"] for row in (map(rounded, second) if kept else second)}
    common = [row for row in first if row["steps"] in clocks and row["seconds"] is not None]
    return bool(common) and all(row["seconds"] == clocks[row["steps"]] for row in common)


def rows_of(file: Path) -> dict[int, dict[str, Any]]:
    """Training iteration → its learning results, nested keys joined by dots; see :func:`map_results`."""
    return dict(map_results(file, _numbered))


def _numbered(result: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    learned = {k: v for k, v in flat(result).items() if _is_learning(k)}
    return int(result["training_iteration"]), learned


def _kept_rows(curve: Path, result: Path, *, prefix: bool) -> Check:
    kept = read_rows(curve)
    repeated = {row["steps"]: row for row in map(rounded, read_results(result))}
    last = max((steps or 0.0 for steps in repeated), default=0.0)
    common = 0
    for number, row in enumerate(kept, start=1):
        if (row["steps"] or 0.0) > last:
            break
        if row["steps"] not in repeated:
            problem = f"nothing was reported at {row['steps']:,.0f} steps"
            return Check(False, f"row {number} differs: {problem}")
        if differing := _differing(_learned(row), _learned(repeated[row["steps"]])):
            return Check(False, f"row {number} differs: {_sentence(differing)}")
        common += 1
    if kept and not prefix and last > (kept[-1]["steps"] or 0.0):
        # A kept curve always has the run's last row.
        end = kept[-1]["steps"]
        ends = f"ends at {end:,.0f} steps, and the repetition continues to {last:,.0f}"
        return Check(False, f"equal in {common} rows, but the kept curve {ends}")
    checked = _lengths(common, len(kept), common, prefix=prefix)
    return Check(checked.same, f"{checked.text} (thinned to five digits)")


def _learned(row: Row) -> dict[str, Any]:
    return {column: row[column] for column in KEPT if column != "seconds"}


def _lengths(common: int, first: int, second: int, *, prefix: bool) -> Check:
    if common == first == second:
        return Check(common > 0, f"equal bit by bit, {common} rows" if common else "no results")
    text = f"equal bit by bit over the common {common} rows, of {first} and {second}"
    if prefix:
        return Check(common > 0, f"{text}: a clock or an interruption ended it")
    return Check(False, text)


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Key and both values where they differ; NaN equals NaN."""
    values = ((key, first.get(key), second.get(key)) for key in sorted({*first, *second}))
    return [(key, a, b) for key, a, b in values if a != b and not (a != a and b != b)]


def _sentence(differing: list[tuple[str, Any, Any]]) -> str:
    named = [f"{key} {a!r} then, {b!r} now" for key, a, b in differing[:NAMED_KEYS]]
    more = len(differing) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _is_learning(key: str) -> bool:
    return not NOT_LEARNING & set(key.split(".")) and not key.endswith(RATE_SUFFIX)


def _seed_of(trial: Trial) -> str:
    return value_text(trial.config.get("seed"))


def configuration_of(trial: Trial) -> str:
    """Algorithm and configuration without the seed, as text that is equal for equal ones."""
    # Both started from the same checkpoint, which a kept curve has in its manifest only.
    ignored = (*IGNORED_KEYS, "restore_from")
    config = flat({k: v for k, v in trial.config.items() if k not in ignored})
    return f"{trial.algorithm} {json.dumps(config, sort_keys=True, default=str)}"


def _seed_and_configuration(trial: Trial) -> str:
    return f"{_seed_of(trial)} {configuration_of(trial)}"
