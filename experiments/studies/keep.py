"""From a Tune experiment to what is committed of it: thinned curves and what must be known of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.curve_csv import read_results, thinned, write_curve
from rllib_zoo.analysis.files.trials import MANIFEST, RESULT, find_trials
from rllib_zoo.experiments.validation.resources import demand

# Not the command and the folders of trials: they name a machine's folders. So does the checkpoint that a
# run started from, but without it the run could not be made again.
KEPT_OF_MANIFEST = (
    "source_text",
    "algorithm",
    "env",
    "config_given",
    "stop",
    "restore_from",
    "environment_signature",
    "bfloat16",
    "threads",
    "reserved_cpus",
    "resumed",
    "code",
    "packages",
    "git",
    "machine",
    "started",
    "status",
)


def keep(experiment: Path, into: Path, every: int) -> list[Path]:
    """Write ``seedN.csv`` and ``seedN.json`` for every trial of an experiment.

    Args:
        experiment: a Tune folder with our manifest.
        into: made where it is missing; files of the same seeds are replaced.
        every: agent steps between two rows.

    Returns:
        The CSV files.

    Raises:
        FileNotFoundError: the folder has no manifest.
    """
    manifest = json.loads((experiment / MANIFEST).read_text())
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for trial in find_trials([experiment]):
        name = f"seed{trial.config.get('seed')}"
        about: dict[str, Any] = {key: manifest.get(key) for key in KEPT_OF_MANIFEST}
        about["status"] = trial.status
        if about["reserved_cpus"] is None:
            about["reserved_cpus"] = cpus_of(manifest.get("config_resolved") or {})
        file = trial.path / RESULT
        rows = thinned(read_results(file), every) if file.exists() else []
        # The curve first: a run counts as kept when its facts are there.
        write_curve(into / f"{name}.csv", rows)
        write_json(into / f"{name}.json", about)
        written.append(into / f"{name}.csv")
    return sorted(written, key=seed_of)


def cpus_of(config: Mapping[str, Any]) -> float | None:
    """Cores a trial asked for, of manifests older than ``reserved_cpus``; None where they do not tell.

    Args:
        config: after defaults, as ``config_resolved`` of a manifest.
    """
    try:
        return demand(config.__getitem__, config["evaluation_num_env_runners"]).cpus
    except (KeyError, TypeError):
        return None


def seed_of(file: Path) -> int:
    """The seed in the name of a kept file; -1 where it is not one."""
    match = re.fullmatch(r"seed(\d+)", file.stem)
    return int(match[1]) if match else -1
