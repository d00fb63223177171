"""Trainings in several pieces: runs that were restored from a checkpoint of another one.

Joined they are one learning curve; counted singly they would look like repeats of one experiment.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.record import Curve, Trial
from rllib_zoo.analysis.files.trials import mapping

# Configuration key of the checkpoint that a training started from.
START = "restore_from"
# Keys that may change from piece to piece.
_FREE = (
    START, "log_level", "callbacks", "callbacks_class", "log_sys_usage", "config_in_every_result",
)  # fmt: skip
# Largest difference of two clocks that are the same, as seconds and as a share.
_SECONDS, _SHARE = 1.0, 1e-3
_STEPS, _TIME, _ITERATIONS = (COLUMNS.index(n) for n in ("steps", "seconds", "iterations"))


@dataclass(frozen=True)
class Run:
    """A trial, or several that are one training.

    Attributes:
        trial: the last piece, with the configuration of the first.
        curve: of all pieces.
        pieces: names of their folders, in order.
        continues: the checkpoint it started from, of a training that is not among them; "" without one.
        copies: paths of folders with the same results, or with a part of them; left out.
    """

    trial: Trial
    curve: Curve
    pieces: tuple[str, ...]
    continues: str = ""
    copies: tuple[str, ...] = ()


def joined(trials: Sequence[Trial], curves: Sequence[Curve]) -> list[Run]:
    """Runs in the order of their last pieces.

    A trial continues another one of equal configuration and seed if it was restored from its folder
    (``--restore`` or ``restore_from``), or, where that is not recorded, if its first iteration follows
    one of the other's in number, steps and training time. Where several trials continue the same one,
    none is joined: they are branches. A copy of a trial counts once.

    Args:
        trials: at or below the folders of a report.
        curves: theirs.
    """
    settings = list(map(_settings, trials))
    originals = _originals(curves, settings)
    copies = [tuple(str(trials[i].path) for i in same) for same in originals.values()]
    trials, curves = [trials[i] for i in originals], [curves[i] for i in originals]
    settings = [settings[i] for i in originals]
    before = {i: _predecessor(i, trials, curves, settings) for i in range(len(trials))}
    followers = Counter(j for j in before.values() if j is not None)
    follows = {i: j for i, j in before.items() if j is not None and followers[j] == 1}
    runs = []
    for i in range(len(trials)):
        if i in follows.values():
            continue
        chain = [i]
        while chain[0] in follows:
            chain.insert(0, follows[chain[0]])
        run = _run([trials[k] for k in chain], [curves[k] for k in chain])
        runs.append(replace(run, copies=sum((copies[k] for k in chain), ())))
    return runs


def _originals(curves: Sequence[Curve], settings: Sequence[str]) -> dict[int, list[int]]:
    """Index of every trial that is no copy → indices of its copies.

    A copy has equal settings, its first result is of the same second, and all its rows are the first
    ones of the other trial, the training time included.
    """
    originals: dict[int, list[int]] = {}
    alike: dict[tuple[str, float], list[int]] = {}
    for i in sorted(range(len(curves)), key=lambda i: -len(curves[i].values_TC)):
        begun = alike.setdefault((settings[i], curves[i].first_time), [])
        known = [] if math.isnan(curves[i].first_time) else begun
        same = (j for j in known if _begins_with(curves[j].values_TC, curves[i].values_TC))
        if (original := next(same, None)) is not None:
            originals[original].append(i)
            continue
        begun.append(i)
        originals[i] = []
    return dict(sorted(originals.items()))


def _begins_with(whole_TC: np.ndarray, part_TC: np.ndarray) -> bool:
    return np.array_equal(whole_TC[: len(part_TC)], part_TC, equal_nan=True)


def start_of(trial: Trial) -> str | None:
    """The checkpoint that a trial was restored from, if that is recorded."""
    start = str(trial.config.get(START) or trial.manifest.get(START) or trial.restored_from)
    # A resumed trial continues from a checkpoint of its own.
    return None if not start or trial.path.name in Path(start).parts else start


def _run(trials: list[Trial], curves: list[Curve]) -> Run:
    first, last, curve = trials[0], trials[-1], curves[0]
    for following in curves[1:]:
        curve = _continued(curve, following)
    names = tuple(trial.path.name for trial in trials)
    missing = ""
    if start := start_of(first):
        missing = start
    elif curves[0].continues:
        missing = f"unknown, at iteration {curves[0].continues}"
    return Run(replace(last, config=first.config), curve, names, missing)


def _continued(curve: Curve, following: Curve) -> Curve:
    """One curve of two pieces; training time is that of both, also where the clock began anew."""
    after_TC = following.values_TC.copy()
    before_TC = curve.values_TC[curve.values_TC[:, _ITERATIONS] < after_TC[0, _ITERATIONS]]
    spent, start = before_TC[-1, _TIME], after_TC[0, _TIME] - following.first_seconds
    if start < spent / 2:
        after_TC[:, _TIME] += spent - start
    return replace(
        curve,
        values_TC=np.concatenate([before_TC, after_TC]),
        broken=curve.broken + following.broken,
        repeated=curve.repeated + following.repeated,
        results=curve.results + following.results,
        source_of_mean=following.source_of_mean,
    )


def _predecessor(
    i: int, trials: Sequence[Trial], curves: Sequence[Curve], settings: Sequence[str]
) -> int | None:
    """The trial that trial ``i`` continues; None if it continues none of these."""
    if not len(curves[i].values_TC) or not (curves[i].continues or start_of(trials[i])):
        return None
    gaps = {
        j: gap
        for j in range(len(trials))
        if j != i
        and settings[j] == settings[i]
        and (gap := _gap(trials[j], curves[j], trials[i], curves[i])) is not None
    }
    return min(gaps, key=lambda j: gaps[j]) if gaps else None


def _gap(one: Trial, before: Curve, other: Trial, after: Curve) -> float | None:
    """Seconds between the clocks of two pieces where they meet; None if they do not.

    0 where the folder's name is recorded.
    """
    if not len(before.values_TC):
        return None
    begin_C = after.values_TC[0]
    earlier_TC = before.values_TC[before.values_TC[:, _ITERATIONS] < begin_C[_ITERATIONS]]
    if not len(earlier_TC) or not earlier_TC[-1, _STEPS] < begin_C[_STEPS]:
        return None
    start = start_of(other)
    if start is not None:
        return 0.0 if one.path.name in Path(start).parts else None
    end_C = earlier_TC[-1]
    if end_C[_ITERATIONS] < after.continues and len(before.values_TC) == before.results:
        return None  # it has no result of that iteration
    gap = abs(begin_C[_TIME] - after.first_seconds - end_C[_TIME])
    if math.isnan(gap):
        return 0.0
    return float(gap) if gap <= max(_SECONDS, _SHARE * begin_C[_TIME]) else None


def _settings(trial: Trial) -> str:
    """What two pieces must share, as text."""
    signature = mapping(trial.manifest.get("environment_signature"))
    config: Mapping[str, Any] = {k: v for k, v in trial.config.items() if k not in _FREE}
    env = config.get("env") or trial.manifest.get("env")
    return json.dumps([trial.algorithm, env, config, signature], sort_keys=True, default=str)
