"""Keeping results: from a Tune experiment to the thinned curves and facts that are committed.

`rllib study run` keeps its runs itself. `python -m rllib_zoo.experiments.studies.keep SWEEP BEST` keeps the
experiment folders of a sweep and of its best configuration on other seeds in `results/sweeps/cartpole-ppo/`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.curve_csv import read_results, thinned, write_curve
from rllib_zoo.analysis.files.trials import MANIFEST, RESULT, read_object
from rllib_zoo.analysis.readers.registry import find_trials
from rllib_zoo.experiments.paths import RESULTS
from rllib_zoo.experiments.validation.resources import demand

# Without the command and the trials' folders, which name one machine's paths. ``restore_from`` names one
# too, but without it the run could not be reproduced.
MANIFEST_FIELDS = (
    "source_text", "algorithm", "env", "config_given", "stop", "restore_from", "environment_signature",
    "bfloat16", "threads", "reserved_cpus", "resumed", "code", "packages", "git", "machine", "started",
    "status",
)  # fmt: skip
SWEEP_TRIAL_FIELDS = ("trial", "status", "seed", "varied", "score", "steps", "seconds")
# Kept files of a sweep: the sweep itself, and its best configuration on other seeds.
SWEEP_FILES = ("sweep.json", "best.json")
SWEEP = Path("sweeps") / "cartpole-ppo"


def keep(experiment: Path, into: Path, every: int) -> list[Path]:
    """Write ``seedN.csv`` and ``seedN.json`` for every trial of an experiment; returns the CSV files.

    Args:
        experiment: a Tune folder with our manifest.
        into: created if missing; files of the same seeds are replaced.
        every: agent steps between two rows.

    Raises:
        FileNotFoundError: the folder has no manifest.
    """
    manifest = json.loads((experiment / MANIFEST).read_text())
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for trial in find_trials([experiment]):
        name = f"seed{trial.config.get('seed')}"
        about: dict[str, Any] = {key: manifest.get(key) for key in MANIFEST_FIELDS}
        about["status"] = trial.status
        if about["reserved_cpus"] is None:
            about["reserved_cpus"] = cpus_of(manifest.get("config_resolved") or {})
        file = trial.path / RESULT
        rows = thinned(read_results(file), every) if file.exists() else []
        # The curve first: a run counts as kept as soon as its facts exist.
        write_curve(into / f"{name}.csv", rows)
        write_json(into / f"{name}.json", about)
        written.append(into / f"{name}.csv")
    return sorted(written, key=seed_of)


def sweep_facts(experiment: Path) -> dict[str, Any]:
    """A sweep's manifest without the paths of this machine.

    Raises:
        FileNotFoundError: the folder has no manifest, or one without trials.
    """
    manifest = read_object(experiment / MANIFEST)
    if not manifest.get("trials"):
        raise FileNotFoundError(f"{experiment / MANIFEST}: no trials")
    about = {key: manifest.get(key) for key in (*MANIFEST_FIELDS, "finished", "ranking")}
    about["trials"] = [{k: row.get(k) for k in SWEEP_TRIAL_FIELDS} for row in manifest["trials"]]
    return about


def cpus_of(config: Mapping[str, Any]) -> float | None:
    """Cores a trial with this ``config_resolved`` requested; None if unknown.

    Only needed for manifests older than ``reserved_cpus``.
    """
    try:
        return demand(config.__getitem__, config["evaluation_num_env_runners"]).cpus
    except (KeyError, TypeError):
        return None


def seed_of(file: Path) -> int:
    """The seed in the name of a kept file; -1 for any other file."""
    match = re.fullmatch(r"seed(\d+)", file.stem)
    return int(match[1]) if match else -1


def main() -> None:
    """Keep a sweep; `rllib study report --update` then writes its section of `docs/sweeps.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs=2, type=Path, metavar=("SWEEP", "BEST"))
    for folder, name in zip(parser.parse_args().folders, SWEEP_FILES, strict=True):
        write_json(RESULTS / SWEEP / name, sweep_facts(folder))


if __name__ == "__main__":
    main()
