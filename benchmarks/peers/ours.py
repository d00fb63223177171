"""Worker: this project's algorithms, with a tuned file's settings or a peer's.

`python -m rllib_zoo.benchmarks.peers.ours ppo --json`
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
from rllib_zoo.benchmarks.peers.ball_scene import ENV as BALL_ENV
from rllib_zoo.benchmarks.peers.protocol import WINDOW_EPISODES, Goal, main, versions_of
from rllib_zoo.benchmarks.settings import (
    atari as atari_settings,
)
from rllib_zoo.benchmarks.settings import (
    ddpg as ddpg_settings,
)
from rllib_zoo.benchmarks.settings import (
    mujoco as mujoco_settings,
)
from rllib_zoo.benchmarks.settings.cartpole import (
    ENV,
    RLLIB_DEFAULT_NETWORK,
    RLLIB_EXAMPLE_NETWORK,
    Settings,
    ours_as_rllib,
    ours_as_sb3_a2c,
    ours_as_sb3_ppo,
)
from rllib_zoo.envs import environment_spaces
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.paths import ROOT

OTHER_ENVS = {"cartpole": ENV, "3dball": BALL_ENV, "halfcheetah": mujoco_settings.ENV}


@dataclass(frozen=True)
class Run:
    """What a variant runs.

    Attributes:
        algorithm: A2C, A3C, DDPG or PPO.
        env: gymnasium id.
        settings: gives the configuration; a file is read only when its variant runs.
    """

    algorithm: str
    env: str
    settings: Callable[[], Settings]

    def config(self, settings: Settings | None = None) -> Any:
        """The AlgorithmConfig of its settings, or of others."""
        config = algorithms.config_class(self.algorithm)()
        config.update_from_dict(self.settings() if settings is None else settings)
        return config.environment(self.env)


def shipped(name: str) -> Run:
    """A tuned file of ours."""
    game, algorithm = name.split("-")
    env = OTHER_ENVS.get(game) or atari_settings.env_of(game)

    def settings() -> Settings:
        [experiment] = read_experiments(ROOT / "tuned_configs" / f"{name}.yaml")
        return dict(experiment.config)

    return Run(algorithm.upper(), env, settings)


def network_of(config: Any) -> tuple[Any, tuple[gym.Space, gym.Space]]:
    """A configuration's network, and the spaces of observations and actions it is for."""
    spaces = environment_spaces(config.env, config.environment_options)
    return config.get_rl_module_spec(spaces={DEFAULT_MODULE_ID: spaces}).build(), spaces


VARIANTS: dict[str, Run] = {
    "ppo": shipped("cartpole-ppo"),
    "a2c": shipped("cartpole-a2c"),
    "a3c": shipped("cartpole-a3c"),
    "ppo-as-sb3": Run("PPO", ENV, ours_as_sb3_ppo),
    "a2c-as-sb3": Run("A2C", ENV, ours_as_sb3_a2c),
    "ppo-as-rllib": Run("PPO", ENV, lambda: ours_as_rllib(RLLIB_EXAMPLE_NETWORK)),
    "ppo-256": Run("PPO", ENV, lambda: ours_as_rllib(RLLIB_DEFAULT_NETWORK)),
}
VARIANTS["halfcheetah-ppo"] = shipped("halfcheetah-ppo")
VARIANTS["halfcheetah-ppo-as-sb3"] = Run("PPO", mujoco_settings.ENV, mujoco_settings.ours_as_sb3)
for _batch in ddpg_settings.BATCHES:
    VARIANTS[f"ddpg-{_batch}-as-sb3"] = Run(
        "DDPG", ddpg_settings.ENV, partial(ddpg_settings.ours_as_sb3, _batch)
    )
for _algorithm in ("ppo", "a2c", "a3c"):
    VARIANTS[f"3dball-{_algorithm}"] = shipped(f"3dball-{_algorithm}")
for _game in atari_settings.GAMES:
    _env = atari_settings.env_of(_game)
    for _algorithm in ("ppo", "a2c", "a3c"):
        VARIANTS[f"{_game}-{_algorithm}"] = shipped(f"{_game}-{_algorithm}")
    VARIANTS[f"{_game}-ppo-as-sb3"] = Run("PPO", _env, atari_settings.ours_as_sb3_ppo)
    VARIANTS[f"{_game}-a2c-as-sb3"] = Run("A2C", _env, atari_settings.ours_as_sb3_a2c)
    VARIANTS[f"{_game}-ppo-as-rllib"] = Run("PPO", _env, atari_settings.ours_as_rllib_ppo)


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    run = VARIANTS[variant]
    # Iterations of 2,000 steps at most: the measurement ends with one.
    settings = {**run.settings(), "min_sample_timesteps_per_iteration": 2_000}
    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    logging.getLogger("ray").setLevel(logging.ERROR)
    algorithms.register()
    algorithm = run.config({**settings, "seed": goal.seed}).build_algo()
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
    sys.exit(main(__doc__, VARIANTS, train))
