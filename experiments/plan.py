"""What `--dry-run` prints: the plan, as it would be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from experiments.experiment import Experiment
from experiments.manifest import jsonable


def print_plan(experiment: Experiment, resolved: Any, folder: Path) -> None:
    """Print the checked experiment as YAML, defaults that differ filled in."""
    plan = {
        experiment.name: {
            "run": experiment.algorithm,
            "env": jsonable(experiment.env),
            "config": jsonable(experiment.config),
            "stop": jsonable(experiment.stop),
            "seeds": experiment.planned_seeds,
            "num_samples": experiment.num_samples,
            "results": str(folder),
            "steps_per_update": steps_per_update(experiment.algorithm, resolved),
        }
    }
    print(yaml.safe_dump(plan, sort_keys=False).rstrip())


def steps_per_update(algorithm: str, resolved: Any) -> int:
    """Steps between two updates: a runner's with A3C, else those of all runners' rounds."""
    fragment = resolved.get_rollout_fragment_length() * resolved.num_envs_per_env_runner
    if algorithm == "A3C":
        return fragment
    return fragment * max(resolved.num_env_runners, 1) * getattr(resolved, "rollouts_per_batch", 1)
