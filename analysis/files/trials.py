"""Finding the trials below folders and reading what their files record."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.experiment_state import read_object, state_of
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
    state = state_of(path)
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


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
