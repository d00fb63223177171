"""Worker: stock RLlib PPO on Atari, new or old API stack, nothing of ours in it.

`python -m rllib_zoo.benchmarks.peers.rllib_atari pong-old --json`
"""

from __future__ import annotations

import sys
from typing import Any

import ale_py
import gymnasium as gym
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.env.wrappers.atari_wrappers import wrap_atari_for_new_api_stack
from ray.tune.registry import register_env

from rllib_zoo.benchmarks.peers.protocol import Goal, main, versions_of
from rllib_zoo.benchmarks.peers.stock_rllib import stock_config, train_until
from rllib_zoo.benchmarks.settings.atari import (
    FRAMESKIP,
    GAMES,
    RLLIB_OLD_FILTERS,
    RLLIB_PPO,
    RLLIB_SIZE,
    env_of,
)

VARIANTS = [f"{game}-{stack}" for game in GAMES for stack in ("new", "new-valid", "old")]


def _make(game: str, **options: Any) -> gym.Env:
    gym.register_envs(ale_py)
    return gym.make(env_of(game), repeat_action_probability=0.0, **options)


def _config(game: str, stack: str) -> PPOConfig:
    is_new = stack != "old"
    if is_new:
        register_env(
            "game",
            lambda _: wrap_atari_for_new_api_stack(
                # Its wrapper skips frames itself.
                _make(game, frameskip=1),
                dim=RLLIB_SIZE,
                frameskip=FRAMESKIP,
                framestack=4,
            ),
        )
    else:
        # The old stack wraps what it takes for an Atari game: resizing, stacking, clipping.
        register_env("game", lambda _: _make(game, frameskip=FRAMESKIP))
    config = stock_config(RLLIB_PPO, is_new=is_new).environment("game", clip_rewards=True)
    if is_new:
        filters = RLLIB_OLD_FILTERS if stack == "new-valid" else None
        network = DefaultModelConfig(vf_share_layers=True, conv_filters=filters)
        return config.rl_module(model_config=network)
    return config.training(model={"dim": RLLIB_SIZE, "vf_share_layers": True})


def _count(algo: Algorithm, stack: str) -> int:
    """Trained numbers; runners of the new stack hold no value head, so the learner is asked."""
    if stack == "old":
        return sum(parameter.numel() for parameter in algo.get_policy().model.parameters())
    assert algo.learner_group is not None
    counts = algo.learner_group.foreach_learner(
        lambda learner: sum(p.numel() for p in learner.module[DEFAULT_MODULE_ID].parameters())
    )
    return int(next(iter(counts)).get())


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    game, _, stack = variant.partition("-")
    algo = _config(game, stack).build_algo()
    train_until(goal, limit, algo, is_new=stack != "old")
    parameters = _count(algo, stack)
    algo.stop()
    return {
        "settings": {**RLLIB_PPO, "screen_size": RLLIB_SIZE, "parameters": parameters},
        "versions": versions_of("ray", "torch", "gymnasium", "ale-py"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
