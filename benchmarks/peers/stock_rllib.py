"""Worker: stock RLlib PPO on the new or the old API stack, nothing of ours in it.

`python -m benchmarks.peers.stock_rllib new --json`
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from benchmarks.peers.protocol import WINDOW_EPISODES, Goal, parse, run_worker, versions_of
from benchmarks.settings import (
    ENV,
    RLLIB_DEFAULT_NETWORK,
    RLLIB_EXAMPLE_NETWORK,
    RLLIB_PPO,
    Settings,
)

THREADS = 1

NETWORKS = {
    "new": RLLIB_EXAMPLE_NETWORK,
    "old": RLLIB_EXAMPLE_NETWORK,
    "new-256": RLLIB_DEFAULT_NETWORK,
    "old-256": RLLIB_DEFAULT_NETWORK,
}

_RETURNS: deque[float] = deque(maxlen=WINDOW_EPISODES)


class _Window(RLlibCallback):
    """Keeps the last 100 training returns.

    RLlib's own mean covers only the episodes since its last reduction, eight at this batch size
    once episodes last 500 steps, so it would cross the threshold earlier than the others' can.
    """

    def on_episode_end(self, *, episode: Any, **kwargs: Any) -> None:
        """Called by both stacks; the old one's episode has an attribute, the new one a method."""
        is_old = hasattr(episode, "total_reward")
        _RETURNS.append(episode.total_reward if is_old else episode.get_return())


def _config(is_new: bool, network: Settings) -> PPOConfig:
    keys = {"lambda": "lambda_"}
    runner_keys = ("num_env_runners", "num_envs_per_env_runner")
    training = {keys.get(k, k): v for k, v in RLLIB_PPO.items() if k not in runner_keys}
    config = (
        PPOConfig()
        .api_stack(
            enable_rl_module_and_learner=is_new, enable_env_runner_and_connector_v2=is_new
        )
        .environment(ENV)
        .env_runners(**{key: RLLIB_PPO[key] for key in runner_keys})
        .callbacks(_Window)
        .training(**training)
    )
    if is_new:
        return config.rl_module(model_config=DefaultModelConfig(**network))
    return config.training(model=dict(network))


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    torch.set_num_threads(THREADS)
    is_new, network = variant.startswith("new"), NETWORKS[variant]
    algo = _config(is_new, network).build_algo()
    counter = "num_env_steps_sampled_lifetime" if is_new else "num_env_steps_sampled"
    steps = 0
    while not goal.reached(steps, list(_RETURNS)) and steps < limit:
        steps = int(algo.train()[counter])
    algo.stop()
    return {
        "settings": {**RLLIB_PPO, "model": network, "torch_threads": THREADS},
        "versions": versions_of("ray", "torch", "gymnasium", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(run_worker(parse(__doc__ or "", sorted(NETWORKS), None), train))
