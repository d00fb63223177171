"""What `--dry-run` prints: the plan, as it would be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from experiments.experiment import Experiment
from experiments.manifest import jsonable


def print_plan(experiment: Experiment, resolved: Any, folder: Path) -> None:
    """Print the checked experiment as YAML, defaults that differ filled in."""
    fragment = resolved.get_rollout_fragment_length()
    plan = {
        experiment.name: {
            "run": experiment.algorithm,
            "env": str(experiment.env),
            "config": jsonable(experiment.config),
            "stop": jsonable(experiment.stop),
            "seeds": experiment.planned_seeds,
            "num_samples": experiment.num_samples,
            "results": str(folder),
            "steps_per_update": fragment
            * resolved.num_envs_per_env_runner
            * (1 if experiment.algorithm == "A3C" else max(resolved.num_env_runners, 1)),
        }
    }
    print(yaml.safe_dump(plan, sort_keys=False).rstrip())
