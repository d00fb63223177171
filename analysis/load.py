"""Step one, load: from folders to tables.

Convention of this package: *load* reads files and knows nothing of statistics, *align* brings curves
onto a common grid and never extrapolates, *aggregate* is pure statistics on arrays whose names carry
their axes (R runs, K tasks, G grid points), *draw* takes aggregates and an axes and returns the axes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.curve_csv import read_committed
from rllib_zoo.analysis.files.result_json import Curve, read_curve
from rllib_zoo.analysis.files.trials import RESULT, TrialFolder, find_trials, mapping
from rllib_zoo.analysis.scoring.groups import labels_of, spelt

# A run that ends before this share of its group's longest, in steps and in time, is called short: a
# budget may be of either. A run that was done and could end on a score is not: it was quick.
SHORT = 0.9
EMPTY = Curve(np.empty((0, len(COLUMNS))), 0, 0, {})


@dataclass(frozen=True)
class Results:
    """Tables of what was found.

    Attributes:
        runs: one row per trial, whatever became of it: ``run`` (a number), ``group``, ``algorithm``,
            ``env``, ``seed``, ``experiment``, ``status``, ``message``, ``steps``, ``seconds``,
            ``episodes``, ``return_mean`` (the last one), ``rows`` kept of ``rows_found``,
            ``ends_on_score`` (whether its stop rule names a score), ``signature``, ``path``, ``short``
            (whether it ended well before others of its group without being done).
        curves: one row per result: ``run``, ``group``, the columns of ``columns.COLUMNS``, and
            ``steps_per_second`` since the result before, and ``short`` of its run.
        configs: run → its configuration as given, flat: nested keys joined by dots.
        manifests: run → manifest of its experiment, empty without one.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    configs: Mapping[int, Mapping[str, Any]]
    manifests: Mapping[int, Mapping[str, Any]]

    @property
    def usable(self) -> pd.DataFrame:
        """The runs that have a learning curve."""
        return self.runs[self.runs["steps"] > 0]


def load(
    folders: Sequence[Path | str],
    *,
    max_rows: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Read every trial at or below the folders.

    Args:
        folders: of Tune experiments, trials, or committed curves; any mixture.
        max_rows: rows kept of one trial at most; None keeps all.
        progress: called with (trials read, trials found).

    Raises:
        FileNotFoundError: a folder is not there.
    """
    found = _unique(list(find_trials([Path(folder) for folder in folders])))
    curves = []
    for number, trial in enumerate(found):
        curves.append(_curve_of(trial, max_rows))
        if progress is not None:
            progress(number + 1, len(found))
    # The results repeat the configuration, for folders that have lost their own file of it.
    configs = {
        run: flat(trial.config or curve.config)
        for run, (trial, curve) in enumerate(zip(found, curves, strict=True))
    }
    labels = labels_of([(t.algorithm, configs[run]) for run, t in enumerate(found)])
    runs = pd.DataFrame(
        [
            _row(run, t, c, labels[run])
            for run, (t, c) in enumerate(zip(found, curves, strict=True))
        ],
        columns=RUN_COLUMNS,
    )
    tables = [_table(run, labels[run], curve) for run, curve in enumerate(curves)]
    empty = pd.DataFrame(columns=["run", "group", *COLUMNS, "steps_per_second"])
    whole = pd.concat(tables, ignore_index=True) if tables else empty
    manifests = {run: trial.manifest for run, trial in enumerate(found)}
    runs = _with_messages(runs)
    whole["short"] = whole["run"].map(runs["short"]).astype(bool)
    return Results(runs, whole, configs, manifests)


RUN_COLUMNS = [
    "run", "group", "algorithm", "env", "seed", "experiment", "status", "message", "steps",
    "frames", "seconds", "episodes", "return_mean", "rows", "rows_found", "ends_on_score",
    "signature", "path",
]  # fmt: skip


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots; an empty mapping is a value."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def _unique(trials: list[TrialFolder]) -> list[TrialFolder]:
    """A folder given twice, or inside another one given, counts once."""
    seen: dict[Path, TrialFolder] = {}
    for trial in trials:
        seen.setdefault(trial.path.resolve(), trial)
    return list(seen.values())


def _curve_of(trial: TrialFolder, max_rows: int | None) -> Curve:
    if trial.path.suffix == ".csv":
        values, broken = (
            read_committed(trial.path) if trial.path.is_file() else (EMPTY.values_TC, 0)
        )
        return Curve(values, broken, 0, {})
    file = trial.path / RESULT
    return read_curve(file, max_rows) if file.is_file() else EMPTY


def _row(run: int, trial: TrialFolder, curve: Curve, group: str) -> dict[str, Any]:
    last = {name: _last(curve.values_TC[:, i]) for i, name in enumerate(COLUMNS)}
    config = {**curve.config, **trial.config}
    notes = []
    if not len(curve.values_TC):
        notes.append("no results")
    if curve.broken:
        notes.append(f"{curve.broken} broken line(s)")
    if curve.repeated:
        notes.append(f"{curve.repeated} result(s) played again after a restart")
    if len(curve.values_TC) and np.isnan(last["return_mean"]):
        notes.append("no episode has ended")
    if len(curve.values_TC) and np.isnan(last["steps"]):
        notes.append("no step count: not compared")
    return {
        "run": run,
        "group": group,
        "algorithm": trial.algorithm,
        "env": str(config.get("env") or trial.manifest.get("env") or ""),
        "seed": config.get("seed"),
        "experiment": trial.experiment,
        "status": trial.status,
        "message": "; ".join(notes),
        "rows": len(curve.values_TC),
        "rows_found": max(curve.whole, len(curve.values_TC)),
        "ends_on_score": trial.may_end_on_a_score,
        "signature": mapping(trial.manifest.get("environment_signature")),
        "path": str(trial.path),
        **{name: last[name] for name in ("steps", "frames", "seconds", "episodes", "return_mean")},
    }


def _last(values_T: np.ndarray) -> float:
    known = values_T[~np.isnan(values_T)]
    return float(known[-1]) if len(known) else float("nan")


def _table(run: int, group: str, curve: Curve) -> pd.DataFrame:
    table = pd.DataFrame(curve.values_TC, columns=list(COLUMNS))
    table["steps_per_second"] = _rates(table["steps"].to_numpy(), table["seconds"].to_numpy())
    table.insert(0, "group", pd.Categorical([group] * len(table)) if len(table) else [])
    table.insert(0, "run", run)
    return table.astype({"group": "object"})


def _rates(steps_T: np.ndarray, seconds_T: np.ndarray) -> np.ndarray:
    """Agent steps a second since the row before, the first since the start; NaN where time stood."""
    steps, seconds = np.diff(steps_T, prepend=0.0), np.diff(seconds_T, prepend=0.0)
    return np.divide(steps, seconds, out=np.full(len(steps), np.nan), where=seconds > 0)


def _with_messages(runs: pd.DataFrame) -> pd.DataFrame:
    """Notes that need the other runs: seeds that occur twice, runs that end early."""
    runs = runs.copy()
    notes = [list(filter(None, [message])) for message in runs["message"]]
    runs["short"] = False
    for _, members in runs.groupby(["group", "env"], sort=False):
        seeds = Counter(map(spelt, members["seed"]))
        for run, seed in zip(members["run"], members["seed"], strict=True):
            if seed is not None and seeds[spelt(seed)] > 1:
                notes[run].append(f"seed {seed} occurs {seeds[spelt(seed)]} times")
        longest = members[["steps", "seconds"]].max()
        below = members[["steps", "seconds"]] < SHORT * longest
        early = below["steps"] & (below["seconds"] | (members["status"] == "failed"))
        early &= ~((members["status"] == "done") & members["ends_on_score"])
        for run, steps in zip(members["run"][early], members["steps"][early], strict=True):
            notes[run].append(f"short: {steps:,.0f} of {longest['steps']:,.0f} steps")
            runs.loc[run, "short"] = True
    runs["message"] = ["; ".join(note) for note in notes]
    return runs
