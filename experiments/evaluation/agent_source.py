"""Where a checkpoint comes from: what its trial and experiment say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.trials import read_object
from rllib_zoo.experiments.evaluation.checkpoints import Checkpoint
from rllib_zoo.experiments.provenance.manifest import read_manifest


def source_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Where a checkpoint comes from, as far as its trial and experiment say; None where they do not."""
    trial = checkpoint.folder.absolute().parent
    manifest = read_manifest(trial.parent)
    row = _row(trial / "result.json", checkpoint.iteration)
    file = manifest.get("source")
    return {
        "experiment": manifest.get("experiment"),
        # An absolute path would name one machine's folders.
        "config_file": Path(file).name if file and Path(file).is_absolute() else file,
        "seed": read_object(trial / "params.json").get("seed", checkpoint.config.seed),
        "iterations": checkpoint.iteration,
        "steps": row.get("num_env_steps_sampled_lifetime"),
        "episode_return_mean": (row.get("env_runners") or {}).get("episode_return_mean"),
        "git": manifest.get("git"),
        "date": manifest.get("finished"),
    }


def _row(file: Path, iteration: int | None) -> dict[str, Any]:
    """The result of that iteration; played twice, the second time."""
    found: dict[str, Any] = {}
    if not file.exists():
        return found
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if row.get("training_iteration") == iteration:
                found = row
    return found
