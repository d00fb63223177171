"""Step one, load: from result folders to tables.

Convention of this package: *load* reads files and knows nothing of statistics, *align* brings curves
onto a common grid and never extrapolates, *aggregate* is pure statistics on arrays whose names carry
their axes (R runs, K tasks, G grid points), *draw* takes aggregates and an axes and returns the axes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.curve_csv import OWN_MEAN
from rllib_zoo.analysis.files.pieces import START, Run, joined
from rllib_zoo.analysis.files.record import APART, EVALUATIONS, Curve, Trial
from rllib_zoo.analysis.files.trials import mapping, may_end_on_a_score
from rllib_zoo.analysis.options import MEASURE
from rllib_zoo.analysis.readers.registry import find_runs, read_run
from rllib_zoo.analysis.scoring.groups import labels_of, value_text

# Prefix of a stop criterion's name among the keys of a configuration.
STOP = "stop."
# Prefix of the columns of ``Results.runs`` with the configuration.
CONFIG = "config/"
# What stock RLlib's mean returns are of, where results do not have their number.
OF_ITERATION = "episodes of one iteration, number unknown"
OF_OLD_STACK = "the last 100 episodes at most, or all of an iteration with more"
# First columns of ``Results.to_long``.
LONG = ("run", "group", "algorithm", "env", "seed", "steps", "return")
# Columns of a run that are those of its last result.
LAST = ("steps", "frames", "seconds", "episodes", "return_mean", "window")
# A run with less than this share of the steps and of the time of its group's longest is called short (a
# budget may limit either), but not one that finished and may have ended on a score.
SHORT = 0.9
RUN_COLUMNS = [
    "run", "group", "algorithm", "env", "seed", "experiment", "status", "message", "steps",
    "frames", "seconds", "episodes", "return_mean", "window", "mean_of", "rows", "rows_found",
    "ends_on_score", "signature", "path", "format", "labels", "variant",
]  # fmt: skip


@dataclass(frozen=True)
class Results:
    """Trials as tables.

    Attributes:
        runs: one row per training, failed and empty ones included: ``RUN_COLUMNS`` and ``short``; pieces
            that continue each other are one (``files/pieces.py``). ``run`` is a number,
            ``return_mean`` the last one, of ``window`` episodes (``mean_of`` in words; NaN if
            unknown), ``rows`` the kept ones of ``rows_found``,
            ``ends_on_score`` whether a stop criterion is a score, ``short`` whether the run ended well
            before others of its group (see ``SHORT``), ``format`` its reader, ``labels`` what its
            numbers are where they are not what the columns mean, ``variant`` those of them that keep it
            from being compared with others; and ``config/<key>``, nested keys joined by "/", for every
            key that a run sets, NaN in others.
        curves: one row per result: ``run``, ``group``, ``columns.COLUMNS``, ``steps_per_second`` since the
            result before, and ``short`` of its run.
        configs: run → its configuration without defaults, nested keys joined by dots; with its stop
            criteria (``STOP``) and the checkpoint it started from (``START``).
        manifests: run → manifest of its experiment; empty without one.
        evaluations: one row per evaluation that a library recorded apart from training: ``run``,
            ``group``, ``record.EVALUATIONS``.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    configs: Mapping[int, Mapping[str, Any]]
    manifests: Mapping[int, Mapping[str, Any]]
    evaluations: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["run", "group", *EVALUATIONS])
    )

    @property
    def usable(self) -> pd.DataFrame:
        """The runs that have a learning curve."""
        return self.runs[self.runs["steps"] > 0]

    def to_long(self, points: int | None = None) -> pd.DataFrame:
        """One row per run and result, for seaborn's ``lineplot``: ``LONG``, then the other columns of
        ``curves``. ``return`` is ``return_mean``.

        Args:
            points: instead one row per run and point of a grid of so many steps, the same for all runs of
                an environment, with ``LONG`` alone: ``lineplot`` averages rows with equal steps only. A
                result holds until the next one; nothing is extrapolated.
        """
        from rllib_zoo.analysis.align import on_grid

        facts = self.runs[["run", "group", "algorithm", "env", "seed"]]
        rows = self.curves.drop(columns="group").merge(facts, on="run", validate="many_to_one")
        table = rows if points is None else on_grid(rows, points).merge(facts, on="run")
        table = table.rename(columns={"return_mean": "return"})
        return table[[*LONG, *(name for name in table if name not in LONG)]]

    def scores(self, measure: str = MEASURE, *, normalised: bool = True) -> dict[str, np.ndarray]:
        """Group → scores [runs, tasks], as rliable's functions take them.

        A task is an environment, in alphabetical order. A run of a group and its n-th run of another
        environment stand in one row.

        Args:
            measure: a key of ``scores.MEASURES``.
            normalised: 0 is random play and 1 the reference score; else raw returns.

        Raises:
            ValueError: a group has unequal numbers of runs with a score, or none, on some environment; or
                an environment has no reference score.
        """
        from rllib_zoo.analysis.scoring.matrices import score_matrices

        return score_matrices(self, measure, normalised)


def load(
    *folders: Path | str | Sequence[Path | str],
    max_rows: int | None = None,
    formats: Sequence[str] = (),
    compare_labelled: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Read every run at or below the folders.

    Args:
        folders: with runs of any library (``docs/peers.md``), or single files; any mixture, one by one or
            in a list.
        max_rows: rows to keep per trial; None keeps all.
        formats: the readers to use, keys of ``registry.READERS``; none: all, by what is in the files.
        compare_labelled: compare runs whose returns or steps are another quantity (``record.APART``)
            with others.
        progress: called with (trials read, all trials).

    Raises:
        FileNotFoundError: a folder does not exist.
    """
    # A folder given twice, or inside another one, counts once.
    found = find_runs(_paths(folders), formats)
    unique = {(trial.path.resolve(), trial.part): trial for trial in found}
    trials, read = list(unique.values()), []
    for number, trial in enumerate(trials, start=1):
        trials[number - 1], curve = read_run(trial, max_rows)
        read.append(curve)
        if progress is not None:
            progress(number, len(trials))
    trainings = joined(trials, read)
    configs = _configs(trainings)
    labels = labels_of([(t.trial.algorithm, c) for t, c in zip(trainings, configs, strict=True)])
    variants = [_variant(training.curve) for training in trainings]
    labels = [label + variant for label, variant in zip(labels, variants, strict=True)]
    rows = [_row(n, t, label) for n, (t, label) in enumerate(zip(trainings, labels, strict=True))]
    for row, variant in zip(rows, variants, strict=True):
        row["variant"] = "" if compare_labelled else variant
    runs = pd.DataFrame(rows, columns=RUN_COLUMNS)
    # pandas turns None beside numbers into NaN.
    runs["seed"] = pd.Series([row["seed"] for row in rows], dtype=object)
    runs = _with_messages(runs).join(_config_columns(configs))
    curves = _curve_table([training.curve for training in trainings], labels)
    curves["short"] = runs["short"].to_numpy(bool)[curves["run"].to_numpy(int)]
    manifests = {run: training.trial.manifest for run, training in enumerate(trainings)}
    return Results(
        runs, curves, dict(enumerate(configs)), manifests, _evaluations(trainings, labels)
    )


def _paths(folders: Sequence[Path | str | Sequence[Path | str]]) -> list[Path]:
    several = [[item] if isinstance(item, str | Path) else item for item in folders]
    return [Path(folder) for group in several for folder in group]


def _config_columns(configs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A column per key that a run sets, named as Tune names it in its tables: ``config/model/use_lstm``."""
    rows = [
        {column_of(key): value for key, value in config.items() if is_setting(key)}
        for config in configs
    ]
    return pd.DataFrame(rows, index=range(len(rows)), dtype=object)


def column_of(key: str) -> str:
    """The column of ``Results.runs`` with a flat key."""
    return f"{CONFIG}{key}".replace(".", "/") if is_setting(key) else key


def is_setting(key: str) -> bool:
    """Whether a flat key is of the configuration itself, not of how the run started or stopped."""
    return key != START and not key.startswith(STOP)


def _variant(curve: Curve) -> str:
    """The labels that make a curve another quantity, as the end of a name; "" without one."""
    apart = [label for label in curve.labels if label in APART]
    return f" [{', '.join(apart)}]" if apart else ""


def _evaluations(trainings: Sequence[Run], labels: Sequence[str]) -> pd.DataFrame:
    columns = ["run", "group", *EVALUATIONS]
    rows = [
        [run, labels[run], *evaluation_V]
        for run, training in enumerate(trainings)
        for evaluation_V in training.curve.evaluations_EV
    ]
    return pd.DataFrame(rows, columns=columns)


def _configs(trainings: Sequence[Run]) -> list[dict[str, Any]]:
    """Flat configurations with what else must be equal in a group: where it started, when it stops."""
    stops = [_stop_of(training.trial) for training in trainings]
    names = sorted({name for stop in stops for name in stop})
    configs = []
    for training, stop in zip(trainings, stops, strict=True):
        config = flat(training.trial.config)
        config.pop(START, None)
        if training.continues:
            config[START] = training.continues
        absent = "none" if stop else "unknown"
        configs.append(config | {f"{STOP}{name}": stop.get(name, absent) for name in names})
    return configs


def _stop_of(trial: Trial) -> dict[str, Any]:
    """Stop criteria and time budget; empty if unknown, since every run has one of them."""
    budget = mapping(trial.manifest.get("request")).get("time_budget_s")
    return {**trial.stop, **({} if budget is None else {"time_budget_s": budget})}


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots; an empty mapping is a value."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        leaves |= flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return leaves


def _row(run: int, training: Run, group: str) -> dict[str, Any]:
    trial, curve = training.trial, training.curve
    last, rows = curve.last(), len(curve.values_TC)
    config = {**curve.config, **trial.config}
    env = str(config.get("env") or trial.manifest.get("env") or "")
    notes = {
        trial.message: trial.message,
        "no results": not rows and not trial.message,
        f"{len(training.pieces)} pieces joined: {', '.join(training.pieces)}": len(training.pieces)
        > 1,
        f"{len(training.copies)} copies left out: {', '.join(training.copies)}": training.copies,
        f"starts from a checkpoint ({training.continues})": training.continues,
        "environment unknown: compared with no other run": not env,
        f"{curve.broken} broken line(s)": curve.broken,
        f"{curve.repeated} result(s) repeated after a restart": curve.repeated,
        "no episode has ended": rows and np.isnan(last["return_mean"]),
        "no step count: not compared": rows and np.isnan(last["steps"]),
        **dict.fromkeys((*curve.labels, *curve.notes), True),
    }
    return {
        "run": run,
        "group": group,
        "algorithm": trial.algorithm,
        "env": env or f"unknown, {trial.experiment}/{trial.path.name} {trial.part}".rstrip(),
        "seed": None if (seed := config.get("seed")) != seed else seed,
        "experiment": trial.experiment,
        "status": trial.status,
        "message": "; ".join(note for note, applies in notes.items() if applies),
        "mean_of": _mean_of(curve, last),
        "rows": rows,
        "rows_found": max(curve.results, rows),
        "ends_on_score": may_end_on_a_score(trial),
        "signature": mapping(trial.manifest.get("environment_signature")),
        "path": f"{trial.path}{f' ({trial.part})' if trial.part else ''}",
        "format": trial.format,
        "labels": ", ".join(curve.labels),
        **{name: last[name] for name in LAST},
    }


def _mean_of(curve: Curve, last: Mapping[str, float]) -> str:
    """The episodes of the last mean return in words; "" without a mean."""
    own, window = curve.source_of_mean == OWN_MEAN, last["window"]
    if np.isnan(last["return_mean"]):
        return ""
    if curve.mean_of:
        return curve.mean_of
    if not np.isnan(window):
        return f"{'the last ' if own else ''}{window:.0f} episodes"
    return OF_ITERATION if curve.source_of_mean.startswith("env_runners/") else OF_OLD_STACK


def _curve_table(curves: Sequence[Curve], labels: Sequence[str]) -> pd.DataFrame:
    """All curves one below the other, as one table: of hundreds, a table each would take twice the memory."""
    if not curves:
        return pd.DataFrame(columns=["run", "group", *COLUMNS, "steps_per_second"])
    run_T = np.repeat(np.arange(len(curves)), [len(curve.values_TC) for curve in curves])
    table = pd.DataFrame(
        np.concatenate([curve.values_TC for curve in curves]), columns=list(COLUMNS), copy=False
    )
    steps, seconds = COLUMNS.index("steps"), COLUMNS.index("seconds")
    table["steps_per_second"] = np.concatenate(
        [_rates(c.values_TC[:, steps], c.values_TC[:, seconds]) for c in curves]
    )
    # pandas' own kind of text column would hold a copy of the label for every row.
    table.insert(0, "group", pd.Series(np.array(labels, object)[run_T], dtype=object))
    table.insert(0, "run", run_T)
    return table


def _rates(steps_T: np.ndarray, seconds_T: np.ndarray) -> np.ndarray:
    """Agent steps per second since the row before, the first since the start; NaN where no time passed."""
    steps, seconds = np.diff(steps_T, prepend=0.0), np.diff(seconds_T, prepend=0.0)
    return np.divide(steps, seconds, out=np.full(len(steps), np.nan), where=seconds > 0)


def _with_messages(runs: pd.DataFrame) -> pd.DataFrame:
    """Messages that need the other runs: duplicate seeds, runs that ended early."""
    runs = runs.copy()
    notes = [list(filter(None, [message])) for message in runs["message"]]
    runs["short"] = False
    for _, members in runs.groupby(["group", "env"], sort=False):
        seeds = Counter(map(value_text, members["seed"]))
        for run, seed in zip(members["run"], members["seed"], strict=True):
            if seed is not None and seeds[value_text(seed)] > 1:
                notes[run].append(f"seed {value_text(seed)} occurs {seeds[value_text(seed)]} times")
        longest = members[["steps", "seconds"]].max()
        below = members[["steps", "seconds"]] < SHORT * longest
        early = below["steps"] & (below["seconds"] | (members["status"] == "failed"))
        early &= ~((members["status"] == "done") & members["ends_on_score"])
        for run, steps in zip(members["run"][early], members["steps"][early], strict=True):
            notes[run].append(f"short: {steps:,.0f} of {longest['steps']:,.0f} steps")
            runs.loc[run, "short"] = True
    runs["message"] = ["; ".join(note) for note in notes]
    return runs
