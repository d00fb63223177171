"""Worker: this project's algorithms, with a tuned file's settings or a peer's.

`python -m benchmarks.peers.ours ppo --json`
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import ray
import yaml

import algorithms
from benchmarks.peers.protocol import WINDOW_EPISODES, Goal, parse, run_worker, versions_of
from benchmarks.settings import (
    ENV,
    RLLIB_DEFAULT_NETWORK,
    RLLIB_EXAMPLE_NETWORK,
    Settings,
    ours_as_rllib,
    ours_as_sb3_a2c,
    ours_as_sb3_ppo,
)

ROOT = Path(__file__).parents[2]
SEED = 1_000  # none of the seeds the files were tuned or tested on


def shipped(name: str) -> Settings:
    """The `config` of a tuned file."""
    document = yaml.safe_load((ROOT / "tuned_configs" / f"{name}.yaml").read_text())
    return dict(document[name]["config"])


VARIANTS: dict[str, tuple[str, Any]] = {
    "ppo": ("PPO", lambda: shipped("cartpole-ppo")),
    "a2c": ("A2C", lambda: shipped("cartpole-a2c")),
    "a3c": ("A3C", lambda: shipped("cartpole-a3c")),
    "ppo-as-sb3": ("PPO", ours_as_sb3_ppo),
    "a2c-as-sb3": ("A2C", ours_as_sb3_a2c),
    "ppo-as-rllib": ("PPO", lambda: ours_as_rllib(RLLIB_EXAMPLE_NETWORK)),
    "ppo-256": ("PPO", lambda: ours_as_rllib(RLLIB_DEFAULT_NETWORK)),
}


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    name, settings_of = VARIANTS[variant]
    settings = {"min_sample_timesteps_per_iteration": 2_000, **settings_of()}
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray").setLevel(logging.ERROR)
    algorithms.register()
    config = algorithms.config_class(name)().update_from_dict({**settings, "seed": SEED})
    algorithm = config.environment(ENV).build_algo()
    steps = 0
    while steps < limit:
        result = algorithm.train()
        steps = int(result["num_env_steps_sampled_lifetime"])
        runners = result["env_runners"]
        full = runners.get("episode_window_size", 0) == WINDOW_EPISODES
        # The goal averages the returns it is given: the window's mean stands for its hundred.
        returns = [runners["episode_return_mean"]] * WINDOW_EPISODES if full else []
        if goal.reached(steps, returns):
            break
    algorithm.stop()
    ray.shutdown()
    return {"settings": settings, "versions": versions_of("ray", "torch", "gymnasium", "numpy")}


if __name__ == "__main__":
    sys.exit(run_worker(parse(__doc__ or "", list(VARIANTS), None), train))
