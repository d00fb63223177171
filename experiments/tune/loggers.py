"""`result.json` and `progress.csv`, written where they belong, every iteration in them once.

Tune's loggers write to a folder of Ray's and copy that to the results every ten seconds or more: a kill
costs the rows in between, those of checkpoints that are there among them. After a resume they add
repeated iterations behind the first ones.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune import Callback
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback
from ray.tune.utils.util import SafeFallbackEncoder

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.columns import number_of
from rllib_zoo.analysis.files.result_json import (
    not_repeated,
    parse_object,
    parse_result,
    result_after_cut,
)
from rllib_zoo.analysis.files.trials import PARAMS, RESULT
from rllib_zoo.experiments.tune.checkpoint_checks import put_aside

PROGRESS = "progress.csv"
# Rows of RESULT that training played again after a failure or a resume, as they were.
REPEATED = "repeated_results.json"


class ResultFile(JsonLoggerCallback):
    """Tune's logger of ``result.json`` and ``params.json``, on the results folder itself."""

    def log_trial_start(self, trial: Any) -> None:
        """Tune's hook: a trial begins, or goes on from its last checkpoint."""
        self.log_trial_end(trial)
        folder = Path(trial.path)
        folder.mkdir(parents=True, exist_ok=True)
        self.update_config(trial, trial.config)
        cut_results(folder, begins_after(trial))
        if trial.checkpoint is None:
            # Of a trial that Tune had not noted before a kill, and another one by the same name.
            for checkpoint in folder.glob("checkpoint_*"):
                put_aside(checkpoint)
        self._trial_files[trial] = (folder / RESULT).open("a", encoding="utf-8")

    def update_config(self, trial: Any, config: dict[str, Any]) -> None:
        """Tune's hook; it pickles the configuration, too, which nothing reads."""
        self._trial_configs[trial] = config
        file = Path(trial.path) / PARAMS
        with atomic_write(file, durable=False) as draft, draft.open("w") as handle:
            json.dump(config, handle, indent=2, sort_keys=True, cls=SafeFallbackEncoder)


class ProgressFile(CSVLoggerCallback):
    """Tune's logger of ``progress.csv``, on the results folder itself."""

    def log_trial_start(self, trial: Any) -> None:
        """Tune's hook: opens the file, with the columns it has."""
        self.log_trial_end(trial)
        folder = Path(trial.path)
        folder.mkdir(parents=True, exist_ok=True)
        columns = cut_progress(folder, begins_after(trial))
        self._trial_continue[trial] = bool(columns)
        self._trial_files[trial] = (folder / PROGRESS).open("a", encoding="utf-8", newline="")
        self._trial_csv[trial] = (
            csv.DictWriter(self._trial_files[trial], columns) if columns else None
        )

    def _setup_trial(self, trial: Any) -> None:
        """Tune's, for a result without a start."""
        self.log_trial_start(trial)


def begins_after(trial: Any) -> int:
    """The iteration of the checkpoint a trial goes on from; 0 without one."""
    found = trial.latest_checkpoint_result
    return int(found.metrics.get("training_iteration", 0)) if found is not None else 0


def rows_of(folder: Path, iterations: set[int]) -> dict[int, dict[str, Any]]:
    """A trial's results of some iterations, as far as there are; of repeated ones the last."""
    file = folder / RESULT
    if not file.exists():
        return {}
    with file.open("rb") as lines:
        found = (result for line in lines if (result := parse_result(line)) is not None)
        return {
            row["training_iteration"]: row
            for row in found
            if row.get("training_iteration") in iterations
        }


def cut_results(folder: Path, iteration: int) -> None:
    """Take out of a trial's ``result.json`` what comes after an iteration, repeats and half lines.

    Whole rows that are taken out are kept in :data:`REPEATED`.

    Args:
        folder: the trial's.
        iteration: of the last row that stays.
    """
    file = folder / RESULT
    if not file.exists():
        return
    with file.open("rb") as lines:
        iterations, sound = (
            zip(*map(_told, lines), strict=True) if file.stat().st_size else ((), ())
        )
    stays = not_repeated(np.array(iterations)) & ~(np.array(iterations) > iteration)
    if stays.all() and all(sound):
        return
    # First there, then gone from here: after a kill in between rows are in both, not in none.
    with file.open("rb") as lines, (folder / REPEATED).open("ab") as repeated:
        repeated.writelines(
            _line(line) for line, stay in zip(lines, stays, strict=True) if not stay
        )
    with file.open("rb") as lines, atomic_write(file) as draft, draft.open("wb") as whole:
        whole.writelines(_line(line) for line, stay in zip(lines, stays, strict=True) if stay)


def cut_progress(folder: Path, iteration: int) -> list[str]:
    """Take the same iterations out of a trial's ``progress.csv``.

    Returns:
        Its columns; none where it has no rows.
    """
    file = folder / PROGRESS
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    header, *rows = list(csv.reader(io.StringIO(text.replace("\0", "")))) or [[]]
    if "training_iteration" not in header:
        header, rows = [], []
    rows = [row for row in rows if len(row) == len(header)]
    at = header.index("training_iteration") if header else 0
    iterations = np.array([_number(row[at]) for row in rows])
    stays = not_repeated(iterations) & (iterations <= iteration)
    kept = [row for row, stay in zip(rows, stays, strict=True) if stay]
    if not kept:
        file.unlink(missing_ok=True)
        return []
    with atomic_write(file) as draft, draft.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, *kept])
    return header


def _told(line: bytes) -> tuple[float, bool]:
    """A line's iteration, NaN without one; and whether it is a whole result and nothing else."""
    whole = parse_object(line)
    result = whole if whole is not None else result_after_cut(line)
    if result is None:
        return np.nan, False
    return number_of(result, "iterations"), line.endswith(b"\n") and whole is not None


def _line(line: bytes) -> bytes:
    """The result on a line as a line of its own; nothing where there is none."""
    whole = parse_object(line)
    if line.endswith(b"\n") and whole is not None:
        return line
    result = whole if whole is not None else result_after_cut(line)
    return b"" if result is None else json.dumps(result).encode() + b"\n"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


class ConfigOfResults(Callback):
    """Every result of a trial shows the configuration that its trainer sent last.

    Callbacks behind this one, result files and ``Result.config`` see it: one object for all of a
    trial's results. After a resume a new trainer sends it anew, so nothing is kept for that.
    """

    def __init__(self) -> None:
        self._configs: dict[str, dict[str, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._configs = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A training iteration is done."""
        if "config" in result:
            self._configs[trial.trial_id] = result["config"]
        elif trial.trial_id in self._configs:
            result["config"] = self._configs[trial.trial_id]

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial ended."""
        self._configs.pop(trial.trial_id, None)
