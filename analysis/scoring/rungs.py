"""The rungs of successive halving (ASHA, Li et al. 2020): when trials were compared, and which went on.

Tune's AsyncHyperBandScheduler records a trial's score at its first result at or after a rung's time. It stops
the trial there if the score is worse than the cut-off, a quantile of the scores that were recorded before:
the cut-off moves with every trial that arrives, and the first one always goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.columns import PATHS
from rllib_zoo.analysis.files.trials import mapping
from rllib_zoo.analysis.results import Results

# Names of the scheduler in config files, in lower case.
ASHA = ("asha", "asynchyperband", "async_hyperband")
WENT_ON, STOPPED, COMPLETE, ENDED = "went on", "stopped", "complete", "ended otherwise"


class UnknownRungsError(Exception):
    """The rungs of an experiment cannot be told, and why."""


@dataclass(frozen=True)
class Settings:
    """What an experiment's manifest records of its scheduler.

    Attributes:
        time: column of the time; ``score``: of the scores.
        sign: 1 if higher scores are better, else -1.
        times_K: of the rungs, increasing; the last may be the time at which trials end.
        share: of the scores that are worse than the cut-off.
        brackets: number of sets of rungs between which trials are drawn.
        ends: whether trials end at the last time; else it is a rung as the others.
    """

    time: str
    score: str
    sign: int
    times_K: np.ndarray
    share: float
    brackets: int
    ends: bool

    def is_end(self, rung: int) -> bool:
        """Whether trials end at the rung with this number, from 1, whatever their scores."""
        return self.ends and rung == len(self.times_K)


@dataclass(frozen=True)
class Rungs:
    """The rungs of one experiment.

    Attributes:
        experiment: name of its folder; ``environment``: as in ``Summary``.
        settings: of the scheduler.
        trials: a row per trial and rung it reached: ``run``, ``group``, ``rung`` (a number from 1), ``time``
            and ``score`` of the result that was compared, ``outcome`` (``WENT_ON``, ``STOPPED``, ``COMPLETE``
            at the end, or ``ENDED`` by another stop rule, an error or an interruption).
    """

    experiment: str
    environment: str
    settings: Settings
    trials: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """A row per rung: ``time``, trials that ``reached`` it, ``went_on``, were ``stopped``; ``cutoff`` for
        a next trial, ``best`` score. The cut-off is NaN where none is known, and at the end of trials.
        """
        settings, rows = self.settings, []
        for rung, time in enumerate(settings.times_K, start=1):
            part = self.trials[self.trials["rung"] == rung]
            counts = part["outcome"].value_counts()
            scores_R = settings.sign * part["score"].to_numpy(float)
            compared = settings.brackets == 1 and not settings.is_end(rung)
            cutoff = (
                np.percentile(scores_R, 100 * settings.share) if compared and len(part) else np.nan
            )
            rows.append({
                "experiment": self.experiment, "rung": rung, "time": float(time), "reached": len(part),
                "went_on": int(counts.get(WENT_ON, 0)), "stopped": int(counts.get(STOPPED, 0)),
                "cutoff": settings.sign * float(cutoff),
                "best": settings.sign * float(scores_R.max()) if len(part) else np.nan,
            })  # fmt: skip
        return pd.DataFrame(rows)


def rungs_of(results: Results, environments: Mapping[int, str]) -> tuple[list[Rungs], list[str]]:
    """The rungs of every experiment that ASHA stopped trials of, and why those of others are unknown.

    Args:
        results: see ``load``.
        environments: run → its comparable environment.
    """
    found, reasons, seen = [], [], Counter[str]()
    started = [str(results.manifests[run].get("started")) for run in results.runs["run"]]
    for (name, _), runs in results.runs.groupby(["experiment", started], sort=False):
        first = int(runs["run"].iloc[0])
        seen[name] += 1
        label = name if seen[name] == 1 else f"{name} ({seen[name]})"
        try:
            settings = settings_of(results.manifests[first])
        except UnknownRungsError as error:
            reasons.append(f"the rungs of {label} are left out: {error}")
            continue
        if settings is not None:
            trials = _trials(results.curves, runs, settings)
            found.append(Rungs(label, environments[first], settings, trials))
    return found, reasons


def settings_of(manifest: Mapping[str, Any]) -> Settings | None:
    """What a manifest records of ASHA; None with another scheduler, or none.

    Raises:
        UnknownRungsError: something is missing that tells the rungs.
    """
    request = mapping(manifest.get("request"))
    recorded, requested = mapping(manifest.get("scheduler")), request.get("scheduler")
    kind = str(recorded.get("type") or mapping(requested).get("type") or requested).lower()
    if kind == "hyperband":
        raise UnknownRungsError("which bracket of HyperBand a trial was in is not recorded")
    if kind not in ASHA:
        return None
    scheduler = {**mapping(requested), **recorded}
    try:
        start, end, factor = (
            float(scheduler[key]) for key in ("grace_period", "max_t", "reduction_factor")
        )
        brackets, ends = int(scheduler["brackets"]), bool(scheduler["stop_last_trials"])
        columns = _column(scheduler["time_attr"]), _column(request["metric"])
    except (KeyError, TypeError, ValueError):
        raise UnknownRungsError("its manifest does not have all settings of ASHA") from None
    if not (0 < start <= end < np.inf and 1 < factor < np.inf):
        raise UnknownRungsError("the settings of ASHA in its manifest are invalid")
    # As Tune counts them.
    times_K = start * factor ** np.arange(int(np.log(end / start) / np.log(factor) + 1))
    if ends:
        times_K = np.append(times_K[times_K < end], end)
    sign = -1 if request.get("mode") == "min" else 1
    return Settings(*columns, sign, times_K, 1 - 1 / factor, brackets, ends)


def _column(name: Any) -> str:
    """The column of curves with a result of this name."""
    for column, paths in PATHS.items():
        if name in paths:
            return column
    raise UnknownRungsError(f"result {name!r} of its scheduler is not among those that are read")


def _trials(curves: pd.DataFrame, runs: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """``Rungs.trials`` of the runs of one experiment."""
    columns = [settings.time, settings.score]
    part = curves[curves["run"].isin(runs["run"])]
    # A result without the metric is compared by the last one before it.
    scored = part[["run"]].join(part.groupby("run")[columns].ffill()).dropna()
    facts = runs.set_index("run")[["group", "status"]]
    rows = []
    for run, curve in scored.groupby("run", sort=True):
        times_T, scores_T = (curve[column].to_numpy() for column in columns)
        group, status = facts.loc[run]
        for rung, row in compared_results(times_T, settings).items():
            if settings.is_end(rung + 1):
                outcome = COMPLETE
            elif row < len(times_T) - 1:
                outcome = WENT_ON
            else:
                outcome = STOPPED if status == "stopped early" else ENDED
            rows.append([run, group, rung + 1, times_T[row], scores_T[row], outcome])
    return pd.DataFrame(rows, columns=["run", "group", "rung", "time", "score", "outcome"])


def compared_results(times_T: np.ndarray, settings: Settings) -> dict[int, int]:
    """Rung from 0 → row of the result of a trial that was compared there, for the rungs it has reached.

    A result counts at the highest rung it has reached. If it has passed several at once, the trial's next
    result counts at the next lower one; not where trials go on after the last time.

    Args:
        times_T: [T] of its results, never decreasing.
        settings: of the scheduler.
    """
    rows: dict[int, int] = {}
    firsts_K = np.searchsorted(times_T, settings.times_K)
    for rung in reversed(range(len(firsts_K))):
        row = int(firsts_K[rung])
        while row in rows.values():
            row += 1
        if row < len(times_T) and (settings.ends or row == firsts_K[rung]):
            rows[rung] = row
    return dict(sorted(rows.items()))
