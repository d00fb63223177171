"""Worker: this project's algorithms, with a tuned file's settings or a peer's.

`python -m rllib_zoo.benchmarks.peers.ours cartpole-ppo --json`
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium as gym
import ray
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_zoo import algorithms
from rllib_zoo.benchmarks.peers.protocol import WINDOW_EPISODES, Goal, main, versions_of
from rllib_zoo.benchmarks.peers.random_actions import BALL_ENV
from rllib_zoo.benchmarks.settings import atari, cartpole, ddpg, mujoco
from rllib_zoo.benchmarks.settings.cartpole import Settings
from rllib_zoo.envs import environment_spaces
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.launch.ray_folder import temporary_folder
from rllib_zoo.experiments.paths import ROOT

ENVS = {"cartpole": cartpole.ENV, "3dball": BALL_ENV, "halfcheetah": mujoco.ENV}
ENVS |= {game: atari.env_of(game) for game in atari.GAMES}


@dataclass(frozen=True)
class Run:
    """What a variant runs.

    Attributes:
        algorithm: A2C, A3C, DDPG or PPO.
        env: gymnasium id.
        settings: returns the configuration; a tuned file is read when its variant runs.
    """

    algorithm: str
    env: str
    settings: Callable[[], Settings]

    def config(self, settings: Settings | None = None) -> Any:
        """The AlgorithmConfig of `settings`, by default of its own."""
        config = algorithms.config_class(self.algorithm)()
        config.update_from_dict(self.settings() if settings is None else settings)
        return config.environment(self.env)


def shipped(name: str) -> Run:
    """The run of a tuned file `task-algorithm.yaml`."""
    task, algorithm = name.split("-")

    def settings() -> Settings:
        [experiment] = read_experiments(ROOT / "tuned_configs" / f"{name}.yaml")
        return dict(experiment.config)

    return Run(algorithm.upper(), ENVS[task], settings)


def network_of(config: Any) -> tuple[Any, tuple[gym.Space, gym.Space]]:
    """A configuration's network, and its spaces of observations and actions."""
    spaces = environment_spaces(config.env, config.environment_options)
    return config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build(), spaces


def _variants() -> dict[str, Run]:
    """Every run by its name on the command line: the tuned files, then ours at peers' settings."""
    env, as_rllib = cartpole.ENV, cartpole.ours_as_rllib
    tasks = ("cartpole", "3dball", *atari.GAMES)
    names = [f"{task}-{algorithm}" for task in tasks for algorithm in ("ppo", "a2c", "a3c")]
    runs = {name: shipped(name) for name in [*names, "halfcheetah-ppo"]}
    runs |= {
        "ppo-as-sb3": Run("PPO", env, cartpole.ours_as_sb3_ppo),
        "a2c-as-sb3": Run("A2C", env, cartpole.ours_as_sb3_a2c),
        "ppo-as-rllib": Run("PPO", env, partial(as_rllib, cartpole.RLLIB_EXAMPLE_NETWORK)),
        "ppo-256": Run("PPO", env, partial(as_rllib, cartpole.RLLIB_DEFAULT_NETWORK)),
        "halfcheetah-ppo-as-sb3": Run("PPO", mujoco.ENV, mujoco.ours_as_sb3),
    }
    for batch in ddpg.BATCHES:
        runs[f"ddpg-{batch}-as-sb3"] = Run("DDPG", ddpg.ENV, partial(ddpg.ours_as_sb3, batch))
    for game in atari.GAMES:
        env = ENVS[game]
        runs[f"{game}-ppo-as-sb3"] = Run("PPO", env, atari.ours_as_sb3_ppo)
        runs[f"{game}-a2c-as-sb3"] = Run("A2C", env, atari.ours_as_sb3_a2c)
        runs[f"{game}-ppo-as-rllib"] = Run("PPO", env, atari.ours_as_rllib_ppo)
    return runs


VARIANTS = _variants()


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    run = VARIANTS[variant]
    # Iterations of 2,000 steps at most: the measurement ends with one.
    settings = {**run.settings(), "min_sample_timesteps_per_iteration": 2_000}
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    ray.init(address="local", _temp_dir=str(temporary_folder()), **quiet)
    logging.getLogger("ray").setLevel(logging.ERROR)
    algorithms.register()
    algorithm = run.config({**settings, "seed": goal.seed}).build_algo()
    steps = 0
    while steps < limit:
        result = algorithm.train()
        steps = int(result["num_env_steps_sampled_lifetime"])
        runners = result["env_runners"]
        full = runners.get("episode_window_size", 0) == WINDOW_EPISODES
        # The goal averages what it gets: the window's mean a hundred times has the same average.
        returns = [runners["episode_return_mean"]] * WINDOW_EPISODES if full else []
        if goal.reached(steps, returns):
            break
    algorithm.stop()
    ray.shutdown()
    return {"settings": settings, "versions": versions_of("ray", "torch", "gymnasium", "numpy")}


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
