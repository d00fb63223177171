"""Whether a run that was made again is the same: row by row, or by the spread of its seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.columns import COLUMNS
from analysis.defaults import RESAMPLES, SEED
from analysis.folders import RESULT, TrialFolder
from analysis.groups import NOT_TELLING, spelt
from analysis.load import flat
from analysis.reading import read_curve as read_values
from analysis.statistics import LEVEL, percentiles
from analysis.thinning import KEPT, Row, as_kept, read_committed, read_curve, read_results

# Of a result, what is about clocks, processes and machines, at any depth.
NOT_LEARNING = frozenset(
    ("timers", "perf", "config", "date", "timestamp", "pid", "hostname", "node_ip", "trial_id",
     "experiment_tag", "fault_tolerance", "env_runner_group", "iterations_since_restore", "done",
     "time_total_s", "time_this_iter_s", "time_since_restore", "should_checkpoint")
)  # fmt: skip
A_RATE = "_per_second"
# With fewer seeds nothing can be said of their spread.
ENOUGH_SEEDS = 3
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

    Of iterations played twice after a restart the second counts; a last line that a crash cut off is
    left out.
    """
    found: dict[int, dict[str, Any]] = {}
    if not file.exists():
        return found
    last = 0
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                result = json.loads(line)
            except ValueError:
                continue
            number = int(result["training_iteration"])
            if number <= last:
                # What came after belongs to a play that a restart went back behind.
                found = {earlier: row for earlier, row in found.items() if earlier < number}
            last = number
            found[number] = {k: v for k, v in flat(result).items() if _is_learning(k)}
    return found


def by_spread(originals: Sequence[TrialFolder], again: Sequence[TrialFolder]) -> Check:
    """Judge runs of one configuration by how far seeds differ.

    With three or more originals: whether the mean of the new runs is in the 95 % interval that
    bootstrap predicts for the mean of so many further runs. Runs that end on a score are judged by the steps
    they took, others by their final score. With fewer: whether the final score is between the
    lowest and the highest of the original's last episodes, which is a weak test.

    Args:
        originals: every seed there is of the configuration; again: the runs that repeat some.
    """
    first, second = [_end_of(t) for t in originals], [_end_of(t) for t in again]
    first = [end for end in first if not math.isnan(end["return_mean"])]
    if not first or not second or any(math.isnan(end["return_mean"]) for end in second):
        return Check(False, "no episode has ended in one of the runs: nothing to judge by")
    if len(first) < ENOUGH_SEEDS:
        return _by_episodes(first, second)
    on_score = all(trial.may_end_on_a_score for trial in originals)
    column, words = ("steps", "steps to the end") if on_score else ("return_mean", "final score")
    scores, new = (np.array([end[column] for end in ends]) for ends in (first, second))
    low, high = predicted(scores, len(new))
    mean = float(new.mean())
    return Check(
        bool(low <= mean <= high),
        f"{words}: mean {mean:,.6g} of {_runs(len(new))}, {low:,.6g} to {high:,.6g} expected from the mean "
        f"{scores.mean():,.6g} of {_runs(len(scores))} (95 % bootstrap interval of a new mean)",
    )


def predicted(scores_R: np.ndarray, number: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Where the mean of ``number`` further runs falls with 95 %, by bootstrap.

    Both the mean of the known runs and that of the new ones vary: each is drawn anew. Draws from R
    runs vary too little by (R - 1)/R, which is made good.
    """
    generator, size = np.random.default_rng(SEED), len(scores_R)
    known_B = scores_R[generator.integers(size, size=(resamples, size))].mean(axis=1)
    new_B = scores_R[generator.integers(size, size=(resamples, number))].mean(axis=1)
    spread_B = (new_B - known_B) * math.sqrt(size / (size - 1))
    low, high = percentiles(scores_R.mean() + spread_B, LEVEL)
    return float(low), float(high)


def groups(trials: Sequence[TrialFolder]) -> dict[str, list[TrialFolder]]:
    """Trials of one configuration together, whatever their seeds."""
    found: dict[str, list[TrialFolder]] = {}
    for trial in trials:
        found.setdefault(_configuration_of(trial), []).append(trial)
    return found


def _by_episodes(first: list[dict[str, float]], second: list[dict[str, float]]) -> Check:
    low = min(end["return_min"] for end in first)
    high = max(end["return_max"] for end in first)
    scores = [end["return_mean"] for end in second]
    told = ", ".join(f"{score:,.6g}" for score in scores)
    return Check(
        all(low <= score <= high for score in scores),
        f"final score {told}, {low:,.6g} to {high:,.6g} were the last {first[0]['window']:.0f} episodes of "
        f"the original ({_runs(len(first))}: too few for an interval, a weak test)",
    )


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


def _end_of(trial: TrialFolder) -> dict[str, float]:
    """The last known number of every column; NaN where there is none."""
    if trial.path.suffix == ".csv":
        values_TC = read_committed(trial.path)
    else:
        file = trial.path / RESULT
        values_TC = read_values(file).values_TC if file.exists() else np.empty((0, len(COLUMNS)))
    found = {}
    for column, values_T in zip(COLUMNS, values_TC.T, strict=True):
        known = values_T[~np.isnan(values_T)]
        found[column] = float(known[-1]) if len(known) else math.nan
    return found


def _seed_of(trial: TrialFolder) -> str:
    return spelt(trial.config.get("seed"))


def _configuration_of(trial: TrialFolder) -> str:
    named = flat({k: v for k, v in trial.config.items() if k not in NOT_TELLING})
    return f"{trial.algorithm} {json.dumps(named, sort_keys=True, default=str)}"


def _whole_of(trial: TrialFolder) -> str:
    return f"{_seed_of(trial)} {_configuration_of(trial)}"


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
