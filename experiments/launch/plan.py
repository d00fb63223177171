"""What `--dry-run` prints: the plan, as it would be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.experiments.provenance.manifest import jsonable
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import is_drawn, samplers
from rllib_zoo.experiments.sweeps.ranking import varied
from rllib_zoo.experiments.sweeps.search import (
    number_of_configurations,
    number_of_trials,
    random_state,
    search_name,
)

# Draws that are shown.
FIRST = 3


def print_plan(experiment: Experiment, resolved: Any, folder: Path, space: Any = None) -> None:
    """Print the checked experiment as YAML, defaults that differ filled in.

    Args:
        experiment: the request.
        resolved: its configuration after defaults.
        folder: where its results would go.
        space: what Tune would draw from; None: nothing is said of draws.
    """
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
            **_sweep(experiment, space),
        }
    }
    print(yaml.safe_dump(plan, sort_keys=False).rstrip())


def _sweep(experiment: Experiment, space: Any) -> dict[str, Any]:
    """How many trials of what; nothing where there is one configuration."""
    configurations = number_of_configurations(experiment)
    spaces = {"env": experiment.env, **experiment.config}
    if not experiment.scheduler and next(samplers(spaces), None) is None:
        return {}
    named = {
        "trials": number_of_trials(experiment),
        "configurations": configurations,
        "search": search_name(experiment),
        "scheduler": jsonable(experiment.scheduler or "fifo"),
        "metric": experiment.metric,
        "mode": experiment.mode or "max",
        "max_concurrent": experiment.max_concurrent,
        "time_budget_s": experiment.time_budget_s,
    }
    found = {key: value for key, value in named.items() if value is not None}
    if space is not None and search_name(experiment) == "random" and is_drawn(spaces):
        found["first"] = _first_draws(experiment, space)
    return {"sweep": found}


def _first_draws(experiment: Experiment, space: Any) -> list[dict[str, Any]]:
    """What the first samples will draw, of every grid the first alternative."""
    from ray.tune.search.variant_generator import generate_variants

    state, found = random_state(experiment), []
    for _ in range(min(experiment.num_samples, FIRST)):
        drawn = generate_variants({"config": space}, constant_grid_search=True, random_state=state)
        found.append(varied(experiment, next(drawn)[1]["config"]))
    return found


def steps_per_update(algorithm: str, resolved: Any) -> int:
    """Steps between two updates: a runner's with A3C, else those of all runners' rounds."""
    fragment = resolved.get_rollout_fragment_length() * resolved.num_envs_per_env_runner
    if algorithm == "A3C":
        return fragment
    return fragment * max(resolved.num_env_runners, 1) * getattr(resolved, "rollouts_per_batch", 1)
