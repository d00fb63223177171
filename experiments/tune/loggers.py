"""Writers of a trial's files: ``result.json`` and ``progress.csv`` into the results, each iteration once.

Tune's loggers write to a folder of Ray's that is copied to the results every ten seconds or more, so a
kill loses rows, even of iterations with a checkpoint; after a resume they append repeated iterations.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback, TBXLoggerCallback
from ray.tune.utils import flatten_dict
from ray.tune.utils.util import SafeFallbackEncoder

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.columns import number_of
from rllib_zoo.analysis.files.result_json import (
    not_repeated,
    parse_object,
    parse_result,
    result_after_cut,
)
from rllib_zoo.analysis.files.tensorboardx import without_torch
from rllib_zoo.analysis.files.trials import PARAMS, PROGRESS, RESULT
from rllib_zoo.experiments.tune.checkpoint_checks import set_aside
from rllib_zoo.experiments.tune.storage import copy_of, results_folder, upload_results

# Rows of RESULT whose iterations were trained again after a failure or a resume.
REPEATED = "repeated_results.json"
# Of TensorBoard's HParams tab, besides the configuration.
METRICS = tuple(
    f"ray/tune/{prefix}env_runners/episode_return_mean" for prefix in ("", "evaluation/")
)


class ResultFile(JsonLoggerCallback):
    """Tune's logger of ``result.json`` and ``params.json``, writing to the results folder itself."""

    def log_trial_start(self, trial: Any) -> None:
        """Called when a trial starts, or resumes from its last checkpoint."""
        self.log_trial_end(trial)
        folder = results_folder(trial)
        folder.mkdir(parents=True, exist_ok=True)
        self.update_config(trial, trial.config)
        truncate_results(folder, resumed_iteration(trial))
        if trial.checkpoint is None:
            # Left by a trial of the same name that was killed before Tune had saved it.
            for checkpoint in copy_of(trial).glob("checkpoint_*"):
                set_aside(checkpoint)
        self._trial_files[trial] = (folder / RESULT).open("a", encoding="utf-8")

    def update_config(self, trial: Any, config: dict[str, Any]) -> None:
        """Write ``params.json``; without Tune's pickled copy, which nothing reads."""
        self._trial_configs[trial] = config
        file = results_folder(trial) / PARAMS
        with atomic_write(file, durable=False) as draft, draft.open("w") as handle:
            json.dump(config, handle, indent=2, sort_keys=True, cls=SafeFallbackEncoder)

    def log_trial_save(self, trial: Any) -> None:
        """Called when a checkpoint was saved."""
        upload_results(trial, trial.last_result or {}, saved=True)


class ProgressFile(CSVLoggerCallback):
    """Tune's logger of ``progress.csv``, writing to the results folder itself, every column complete.

    Tune takes the columns of the first result, which has no return before an episode has ended and
    no evaluation. This one also begins with every documented name that the trial may report, and
    writes the file again when a result brings another one.
    """

    def log_trial_start(self, trial: Any) -> None:
        """Open the file for appending, with the columns it already has."""
        self.log_trial_end(trial)
        folder = results_folder(trial)
        folder.mkdir(parents=True, exist_ok=True)
        self._open(trial, truncate_progress(folder, resumed_iteration(trial)))

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """As Tune's."""
        if trial not in self._trial_files:
            self.log_trial_start(trial)
        row = flatten_dict({key: value for key, value in result.items() if key != "config"})
        writer = self._trial_csv[trial]
        known = writer.fieldnames if writer else documented_columns(trial)
        columns = list(dict.fromkeys([*known, *row]) if writer else dict.fromkeys([*row, *known]))
        if not writer or len(columns) > len(known):
            self.log_trial_end(trial)
            extend_progress(results_folder(trial), columns)
            self._open(trial, columns)
        self._trial_csv[trial].writerow(row)
        self._trial_files[trial].flush()
        upload_results(trial, result)

    def _setup_trial(self, trial: Any) -> None:
        self.log_trial_start(trial)

    def _open(self, trial: Any, columns: list[str]) -> None:
        file = (results_folder(trial) / PROGRESS).open("a", encoding="utf-8", newline="")
        self._trial_continue[trial] = bool(columns)
        self._trial_files[trial] = file
        self._trial_csv[trial] = csv.DictWriter(file, columns) if columns else None


class EventFile(TBXLoggerCallback):
    """Tune's logger for TensorBoard, with the whole configuration in the HParams tab, from the start.

    Tune's has only values that a sweep varies, without lists, and only after a trial's end.
    """

    def __init__(self) -> None:
        with without_torch():
            super().__init__()

    def log_trial_start(self, trial: Any) -> None:
        """As Tune's."""
        from tensorboardX.summary import hparams

        super().log_trial_start(trial)
        settings = {
            key: value
            if isinstance(value, str | bool | int | float)
            else json.dumps(value, default=str)
            for key, value in flatten_dict(trial.config).items()
        }
        writer = self._trial_writer[trial].file_writer
        for summary in hparams(settings, dict.fromkeys(METRICS))[:2]:
            writer.add_summary(summary)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """As Tune's, which would replace the configuration."""
        self._trial_result[trial] = {}
        super().log_trial_end(trial, failed)


def documented_columns(trial: Any) -> list[str]:
    """Names of results that a trial may report later: none of an unknown algorithm."""
    if trial.trainable_name not in algorithms.names():
        return []
    evaluates = bool(trial.config.get("evaluation_interval"))
    names = result_names(trial.trainable_name)
    return [name for name in names if evaluates or not name.startswith("evaluation/")]


def resumed_iteration(trial: Any) -> int:
    """The iteration of the checkpoint a trial resumes from; 0 without one."""
    latest = trial.latest_checkpoint_result
    return int(latest.metrics.get("training_iteration", 0)) if latest is not None else 0


def read_results(folder: Path, iterations: set[int]) -> dict[int, dict[str, Any]]:
    """Those of a trial's results that exist for some iterations; of repeated ones the last."""
    file = folder / RESULT
    if not file.exists():
        return {}
    with file.open("rb") as lines:
        rows = (result for line in lines if (result := parse_result(line)) is not None)
        return {
            row["training_iteration"]: row
            for row in rows
            if row.get("training_iteration") in iterations
        }


def truncate_results(folder: Path, iteration: int) -> None:
    """Remove later iterations, repeated iterations and incomplete lines from ``result.json``.

    Complete rows that are removed are appended to :data:`REPEATED`.

    Args:
        folder: the trial's.
        iteration: the last one that stays.
    """
    file = folder / RESULT
    if not file.exists():
        return
    numbers, complete = [], True
    with file.open("rb") as lines:
        for line in lines:
            number, row = _row(line)
            numbers.append(number)
            complete = complete and row == line
    keep = not_repeated(np.array(numbers)) & ~(np.array(numbers) > iteration)
    if complete and keep.all():
        return
    # In this order: after a kill in between, rows are in both files rather than in none.
    with (folder / REPEATED).open("ab") as repeated:
        repeated.writelines(_rows(file, ~keep))
    with atomic_write(file) as draft, draft.open("wb") as kept:
        kept.writelines(_rows(file, keep))


def truncate_progress(folder: Path, iteration: int) -> list[str]:
    """Remove the same iterations from ``progress.csv``.

    Returns:
        Its columns; empty where no row is left.
    """
    file = folder / PROGRESS
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    header, *rows = list(csv.reader(io.StringIO(text.replace("\0", "")))) or [[]]
    if "training_iteration" not in header:
        header, rows = [], []
    rows = [row for row in rows if len(row) == len(header)]
    column = header.index("training_iteration") if header else 0
    iterations = np.array([_number(row[column]) for row in rows])
    keep = not_repeated(iterations) & (iterations <= iteration)
    rows = [row for row, kept in zip(rows, keep, strict=True) if kept]
    if not rows:
        file.unlink(missing_ok=True)
        return []
    with atomic_write(file) as draft, draft.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    return header


def extend_progress(folder: Path, columns: list[str]) -> None:
    """Write ``progress.csv`` again with these columns, of which it has some; its cells stay as they are."""
    file = folder / PROGRESS
    rows: list[dict[str, str]] = []
    if file.exists():
        with file.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
    with atomic_write(file) as draft, draft.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _row(line: bytes) -> tuple[float, bytes]:
    """A line's iteration (NaN without one) and its result as a complete line (empty without one)."""
    parsed_line = parse_object(line)
    result = parsed_line if parsed_line is not None else result_after_cut(line)
    if result is None:
        return np.nan, b""
    complete = line.endswith(b"\n") and parsed_line is not None
    return number_of(result, "iterations"), line if complete else json.dumps(
        result
    ).encode() + b"\n"


def _rows(file: Path, selected: np.ndarray) -> Iterator[bytes]:
    """The results on the selected lines of a file, as complete lines."""
    with file.open("rb") as lines:
        for line, is_selected in zip(lines, selected, strict=True):
            if is_selected:
                yield _row(line)[1]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
