"""Folders of Ray Tune, of every release, and the thinned curves that this project keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from rllib_zoo.analysis.files.curve_csv import read_committed
from rllib_zoo.analysis.files.progress_csv import is_progress, read_progress
from rllib_zoo.analysis.files.record import EMPTY, Curve, Trial
from rllib_zoo.analysis.files.result_json import read_curve
from rllib_zoo.analysis.files.trials import (
    ERROR,
    PARAMS,
    PROGRESS,
    RESULT,
    committed_trial,
    tune_trial,
)
from rllib_zoo.analysis.readers.folder import Folder
from rllib_zoo.analysis.readers.series.facts import facts_of, labels_of_options
from rllib_zoo.analysis.readers.tables import names_in

# Below a trial's folder: what a tracker was given of the same results.
WANDB = "wandb"
# A list, or an object on several lines: Tune writes one a line.
_OTHER_JSON = re.compile(rb"\s*(\[|\{\s*[\r\n])")
# Beside them, files of names such as params.json are no trial's.
LOGS_OF_OTHERS = ("monitor.csv", "progress.csv", "progress.txt", "progress.json")
# Columns of kept curves; another table beside a file of its name has neither.
KEPT_NAMES = {"steps", "return_mean"}


def find_tune(folder: Folder) -> Iterator[Trial]:
    """The trial in a folder; all its other files are copies of its results or belong to it."""
    files = set(folder.files)
    # Tune's files, or another program's of their names.
    table = PROGRESS in files and is_progress(folder.path / PROGRESS)
    # Alone in its folder a file of that name is a row, whatever it holds.
    alone = files <= {RESULT, PARAMS, ERROR} and not folder.folders
    results = RESULT in files and (alone or not _OTHER_JSON.match(folder.head(RESULT)))
    others = [name for name in files if name.endswith(LOGS_OF_OTHERS) and folder.head(name)]
    if table or results or ({PARAMS, ERROR} & files and not others):
        kept = [name for name in folder.files if _is_kept(folder, name)]
        folder.files[:] = kept
        folder.take(WANDB)
        yield tune_trial(folder.path)


def read_tune(trial: Trial, max_rows: int | None = None) -> Curve:
    """A trial's curve; its ``progress.csv`` counts where its ``result.json`` has no result."""
    curve = read_curve(trial.path / RESULT, max_rows)
    if not len(curve.values_TC):
        table = read_progress(trial.path / PROGRESS, max_rows)
        curve = table if len(table.values_TC) else curve
    # This project's environments keep raw returns of whole games whatever their options.
    return curve if trial.manifest else _with_facts(trial, curve)


def _with_facts(trial: Trial, curve: Curve) -> Curve:
    """A curve with what ``about_runs.yaml`` and the folders' names tell where Tune's files do not.

    Raises:
        UnreadableError: see ``about``.
    """
    config = {**curve.config, **{k: v for k, v in trial.config.items() if v is not None}}
    recorded = {"algorithm": trial.algorithm} if trial.algorithm else {}
    recorded |= {"env": config["env"]} if config.get("env") is not None else {}
    # RLlib records a seed if there is one: a number in the name is none.
    facts, notes = facts_of(trial.path, {**recorded, "seed": config.get("seed")})
    known = {key: facts[key] for key in ("env", "seed") if facts.get(key) is not None}
    labels = dict.fromkeys([*labels_of_options(config), *facts.get("labels", ())])
    return replace(
        curve,
        algorithm=str(facts["algorithm"]),
        config={**curve.config, **known},
        labels=tuple(labels),
        notes=(*curve.notes, *notes),
    )


def find_kept(folder: Folder) -> Iterator[Trial]:
    """Every curve beside a manifest of the same name."""
    for name in list(folder.files):
        if _is_kept(folder, name):
            folder.take(name)
            yield committed_trial(folder.path / name)


def read_kept(trial: Trial, max_rows: int | None = None) -> Curve:
    """A kept curve; it is thin already."""
    return read_committed(trial.path) if trial.path.is_file() else EMPTY


def _is_kept(folder: Folder, name: str) -> bool:
    beside = folder.path / f"{name.removesuffix('.csv')}.json"
    if not name.endswith(".csv") or name == PROGRESS or not beside.exists():
        return False
    names = names_in(folder.head(name))
    damaged = len(names) < 2 or not "".join(names).isprintable()
    return damaged or bool(KEPT_NAMES & set(names))
