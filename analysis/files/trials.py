"""Finding the trials below folders and reading what their files record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.progress_csv import is_progress

RESULT, PARAMS, ERROR, MANIFEST = "result.json", "params.json", "error.txt", "manifest.json"
PROGRESS = "progress.csv"
# Inside the trial's folder: Tune overwrites files of the experiment's folder when it syncs.
STOPPED = "stopped_early.txt"
# Stop criteria that are budgets; all others are scores.
BUDGETS = (
    "timesteps_total", "num_env_steps_sampled", "num_env_steps_sampled_lifetime",
    "num_agent_steps_sampled", "num_agent_steps_sampled_lifetime", "training_iteration",
    "time_total_s", "episodes_total", "num_episodes_lifetime",
)  # fmt: skip
# A trial's folder in an experiment state: its name, or its path on the machine that trained it.
FOLDER_KEYS = ("relative_logdir", "logdir", "_logdir", "local_path", "_local_path")
STATES = {
    "TERMINATED": "done", "ERROR": "failed", "RUNNING": "running", "PENDING": "running",
    "PAUSED": "running",
}  # fmt: skip


@dataclass(frozen=True)
class TrialFolder:
    """A trial on disk.

    Attributes:
        path: its folder, or the CSV file of a committed curve.
        experiment: name of the parent folder.
        status: done, stopped early, failed, running, interrupted, or unknown.
        algorithm: "" if unknown.
        config: the trial's configuration, without defaults.
        manifest: of its experiment; empty without one.
        stop: result name → bound; empty if unknown.
        restored_from: the checkpoint it started from, by Tune's state; "" without one.
    """

    path: Path
    experiment: str
    status: str
    algorithm: str
    config: Mapping[str, Any]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    restored_from: str = ""

    @property
    def may_end_on_a_score(self) -> bool:
        """Whether a stop criterion is not a budget: then the shortest run is the best one."""
        return any(key.rsplit("/", 1)[-1] not in BUDGETS for key in self.stop)


def find_trials(folders: list[Path]) -> Iterator[TrialFolder]:
    """Every trial in the folders and below, in the order of their names.

    Raises:
        FileNotFoundError: a folder does not exist.
    """
    for folder in folders:
        if not folder.exists():
            raise FileNotFoundError(f"{folder} does not exist")
        if folder.is_file():
            raise FileNotFoundError(f"{folder} is a file; give the folder that contains it")
        for root, subfolders, files in os.walk(folder.resolve()):
            visible = (name for name in subfolders if not name.startswith((".", "checkpoint_")))
            subfolders[:] = sorted(visible)
            here = Path(root)
            # Tune's table, or another library's, which is no trial.
            has_table = PROGRESS in files and is_progress(here / PROGRESS)
            if RESULT in files or PARAMS in files or ERROR in files or has_table:
                yield _tune_trial(here)
            for name in sorted(files):
                if name == PROGRESS:
                    continue
                if name.endswith(".csv") and name.removesuffix(".csv") + ".json" in files:
                    yield _committed_trial(here / name)


def _tune_trial(path: Path) -> TrialFolder:
    manifest = read_object(path.parent / MANIFEST)
    state = _state_of(path)
    config = read_object(path / PARAMS) or mapping(state.get("config"))
    algorithm = manifest.get("algorithm") or state.get("trainable_name")
    status = STATES.get(str(state.get("status")), "unknown")
    # A trial that failed once, was resumed and finished keeps the file of its first error.
    if status not in ("done", "failed") and (path / ERROR).exists():
        status = "failed"
    if status == "done" and stopped_early(path):
        status = "stopped early"
    for trial in _objects(manifest.get("trials")):
        if Path(str(trial.get("folder"))).name == path.name:
            status = str(trial.get("status") or status)
    return TrialFolder(
        path=path,
        experiment=path.parent.name,
        status=status,
        algorithm=str(algorithm or path.name.partition("_")[0]),
        config=config,
        manifest=manifest,
        stop=mapping(manifest.get("stop") or state.get("stopping_criterion")),
        restored_from=str(state.get("restore_path") or ""),
    )


def stopped_early(trial: Path) -> bool:
    """Whether the trial in this folder ended before its stop criterion."""
    return (trial / STOPPED).exists()


def note_stopped_early(trial: Path, by: str) -> None:
    """Record in a trial's folder what ended it before its stop criterion."""
    with atomic_write(trial / STOPPED) as draft:
        draft.write_text(f"ended by {by}\n", encoding="utf-8")


def _committed_trial(path: Path) -> TrialFolder:
    """A thinned curve from ``results/``; its manifest has the same name."""
    manifest = read_object(path.with_suffix(".json"))
    config = {**mapping(manifest.get("config_given")), "env": manifest.get("env")}
    seed = path.stem.removeprefix("seed")
    if seed.isdigit():
        config["seed"] = int(seed)
    return TrialFolder(
        path=path,
        experiment=path.parent.name,
        status=str(manifest.get("status") or "unknown"),
        algorithm=str(manifest.get("algorithm", "")),
        config=config,
        manifest=manifest,
        stop=mapping(manifest.get("stop")),
    )


def _state_of(path: Path) -> dict[str, Any]:
    """The entry of a trial in Tune's newest experiment state that has one."""
    for file in sorted(path.parent.glob("experiment_state*.json"), reverse=True):
        trial = _trials_in(file, file.stat().st_mtime_ns).get(path.name)
        if trial is not None:
            return trial
    return {}


@lru_cache(maxsize=64)
def _trials_in(file: Path, modified: int) -> dict[str, dict[str, Any]]:
    """Folder name → trial of an experiment state; cached until the time it was ``modified`` changes.

    Its trials are pairs of JSON texts (from Ray 2.3), single ones (from 1.0), or objects (0.x).
    """
    state = read_object(file)
    trials = {}
    for entries in (state.get("trial_data"), state.get("checkpoints")):
        for entry in entries if isinstance(entries, list) else ():
            try:
                entry = entry[0] if isinstance(entry, list) else entry
                trial = json.loads(entry) if isinstance(entry, str) else entry
            except (ValueError, IndexError, RecursionError):
                continue
            if isinstance(trial, dict):
                folder = next((trial[key] for key in FOLDER_KEYS if trial.get(key)), None)
                trials[Path(str(folder)).name] = trial
    return trials


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if the file is missing, broken or holds something else."""
    try:
        # Reading a named pipe would block.
        value = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
