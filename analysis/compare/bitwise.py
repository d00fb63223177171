"""Whether a run that was made again is the same, row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.curve_csv import KEPT, Row, as_kept, read_curve, read_results
from rllib_zoo.analysis.files.result_json import results_of
from rllib_zoo.analysis.files.trials import RESULT, TrialFolder
from rllib_zoo.analysis.load import flat
from rllib_zoo.analysis.scoring.groups import NOT_TELLING, spelt

# Of a result, what is about clocks, processes and machines, at any depth.
NOT_LEARNING = frozenset(
    ("timers", "perf", "config", "date", "timestamp", "pid", "hostname", "node_ip", "trial_id",
     "experiment_tag", "fault_tolerance", "env_runner_group", "iterations_since_restore", "done",
     "time_total_s", "time_this_iter_s", "time_since_restore", "should_checkpoint")
)  # fmt: skip
A_RATE = "_per_second"
NAMED_KEYS = 3


@dataclass(frozen=True)
class Check:
    """What became of one comparison.

    Attributes:
        same: whether it passed.
        text: a sentence.
    """

    same: bool
    text: str


def pairs(
    originals: Sequence[TrialFolder], again: Sequence[TrialFolder]
) -> Iterator[tuple[TrialFolder, TrialFolder | None]]:
    """Each original with the trial that repeats it; None where it is missing."""
    left = list(again)
    one_each = len({spelt(t.config.get("seed")) for t in originals}) == len(originals)
    for trial in originals:
        # Kept files spell a configuration as it was given, folders as Tune was given it.
        same = _seed_of if one_each else _whole_of
        found = next((other for other in left if same(other) == same(trial)), None)
        if found is not None:
            left.remove(found)
        yield trial, found


def bit_by_bit(original: TrialFolder, again: TrialFolder, *, prefix: bool) -> Check:
    """Compare all results of learning, without tolerance.

    Args:
        original: a trial's folder, or a kept curve: its rows are compared in the digits it has.
        again: the trial's folder that repeats it.
        prefix: the common rows alone, where a clock or an interruption decided on their number.
    """
    if original.path.suffix == ".csv":
        return _kept_rows(original.path, again.path / RESULT, prefix=prefix)
    first, second = rows_of(original.path / RESULT), rows_of(again.path / RESULT)
    common = [number for number in first if number in second]
    for number in common:
        if differing := _differing(first[number], second[number]):
            return Check(False, f"row {number} differs: {_told(differing)}")
    return _lengths(len(common), len(first), len(second), prefix=prefix)


def rows_of(file: Path) -> dict[int, dict[str, Any]]:
    """Training iteration → results of learning, nested keys joined by dots.

    Broken lines are left out, and of iterations played twice after a restart the second counts.
    """
    return dict(results_of(file, _numbered)) if file.exists() else {}


def _numbered(result: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    learned = {k: v for k, v in flat(result).items() if _is_learning(k)}
    return int(result["training_iteration"]), learned


def _kept_rows(curve: Path, result: Path, *, prefix: bool) -> Check:
    kept = read_curve(curve)
    played = [as_kept(row) for row in read_results(result)] if result.exists() else []
    found = {row["steps"]: row for row in played}
    last = max((row["steps"] or 0.0 for row in played), default=0.0)
    common = 0
    for number, row in enumerate(kept, start=1):
        if (row["steps"] or 0.0) > last:
            break
        if row["steps"] not in found:
            return Check(
                False, f"row {number} differs: nothing was reported at {row['steps']:,.0f} steps"
            )
        if differing := _differing(_learned(row), _learned(found[row["steps"]])):
            return Check(False, f"row {number} differs: {_told(differing)}")
        common += 1
    if kept and not prefix and last > (kept[-1]["steps"] or 0.0):
        # A kept curve always has the run's last row.
        told = f"ends at {kept[-1]['steps']:,.0f} steps, and the repetition goes on to {last:,.0f}"
        return Check(False, f"equal in {common} rows, but the kept curve {told}")
    checked = _lengths(common, len(kept), common, prefix=prefix)
    return Check(checked.same, f"{checked.text} (thinned to five digits)")


def _learned(row: Row) -> dict[str, Any]:
    return {column: row[column] for column in KEPT if column != "seconds"}


def _lengths(common: int, first: int, second: int, *, prefix: bool) -> Check:
    if common == first == second:
        return Check(common > 0, f"equal bit by bit, {common} rows" if common else "no results")
    told = f"equal bit by bit over the common {common} rows, of {first} and {second}"
    if prefix:
        return Check(common > 0, f"{told}: its end was not decided by learning")
    return Check(False, told)


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Key and both values, wherever they are not the same number; NaN equals NaN."""
    return [
        (key, first.get(key), second.get(key))
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
        and not (_is_nan(first.get(key)) and _is_nan(second.get(key)))
    ]


def _told(differing: list[tuple[str, Any, Any]]) -> str:
    named = [f"{key} {a!r} then, {b!r} now" for key, a, b in differing[:NAMED_KEYS]]
    more = len(differing) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_learning(key: str) -> bool:
    return not NOT_LEARNING & set(key.split(".")) and not key.endswith(A_RATE)


def _seed_of(trial: TrialFolder) -> str:
    return spelt(trial.config.get("seed"))


def configuration_of(trial: TrialFolder) -> str:
    """Algorithm and configuration but for the seed, the same text for the same thing."""
    named = flat({k: v for k, v in trial.config.items() if k not in NOT_TELLING})
    return f"{trial.algorithm} {json.dumps(named, sort_keys=True, default=str)}"


def _whole_of(trial: TrialFolder) -> str:
    return f"{_seed_of(trial)} {configuration_of(trial)}"
