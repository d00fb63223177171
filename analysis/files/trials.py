"""What Tune and this project record of a trial in its folder and the one above."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.experiment_state import read_object, state_of
from rllib_zoo.analysis.files.record import Trial

RESULT, PARAMS, ERROR, MANIFEST = "result.json", "params.json", "error.txt", "manifest.json"
PROGRESS = "progress.csv"
# Tune names folders ALGORITHM_ENV_…, with the trial's number or the time behind.
_OF_TUNE = re.compile(
    r"([A-Z][A-Z0-9]+(?=_)|[A-Za-z][A-Za-z0-9]*(?=_.*(_\d{5}(_|$)|\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)))"
)
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


def may_end_on_a_score(trial: Trial) -> bool:
    """Whether a stop criterion is not a budget: then the shortest run is the best one."""
    return any(key.rsplit("/", 1)[-1] not in BUDGETS for key in trial.stop)


def tune_trial(path: Path) -> Trial:
    """A trial's folder, with what Tune and the manifest beside it record."""
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
    return Trial(
        path=path,
        experiment=path.parent.name,
        status=status,
        algorithm=str(algorithm or (match[1] if (match := _OF_TUNE.match(path.name)) else "")),
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


def committed_trial(path: Path) -> Trial:
    """A thinned curve from ``results/``; its manifest has the same name."""
    manifest = read_object(path.with_suffix(".json"))
    config = {**mapping(manifest.get("config_given")), "env": manifest.get("env")}
    seed = path.stem.removeprefix("seed")
    if seed.isdigit():
        config["seed"] = int(seed)
    return Trial(
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
