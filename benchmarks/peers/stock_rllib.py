"""Worker: stock RLlib PPO on the new or the old API stack, nothing of ours in it.

`python -m rllib_zoo.benchmarks.peers.stock_rllib new --json`
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from typing import Any

import torch
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from rllib_zoo.benchmarks.peers.protocol import WINDOW_EPISODES, Goal, main, versions_of
from rllib_zoo.benchmarks.settings.cartpole import (
    ENV,
    RLLIB_DEFAULT_NETWORK,
    RLLIB_EXAMPLE_NETWORK,
    RLLIB_PPO,
    Settings,
)

THREADS = 1
RUNNER_KEYS = ("num_env_runners", "num_envs_per_env_runner", "rollout_fragment_length")

NETWORKS = {
    "new": RLLIB_EXAMPLE_NETWORK,
    "old": RLLIB_EXAMPLE_NETWORK,
    "new-256": RLLIB_DEFAULT_NETWORK,
    "old-256": RLLIB_DEFAULT_NETWORK,
}

_RETURNS: deque[float] = deque(maxlen=WINDOW_EPISODES)


class _OldStackWindow(RLlibCallback):
    """Keeps the last 100 training returns.

    RLlib's own mean covers the episodes since its last reduction, eight at this batch size once
    episodes last 500 steps: it would cross the threshold earlier than the other contenders can.
    """

    def on_episode_end(self, *, episode: Any, **kwargs: Any) -> None:
        """The old stack's episode is one object from reset to end."""
        del kwargs
        _RETURNS.append(float(episode.total_reward))


class _NewStackWindow(RLlibCallback):
    """The same on the new stack, which cuts an episode into a chunk per sampled batch.

    A chunk's `get_return()` leaves the chunks before it out, so they are added up here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._so_far: dict[str, float] = {}

    def on_sample_end(self, *, samples: Any, **kwargs: Any) -> None:
        """Add each chunk to its episode's return, and count the episodes that ended."""
        del kwargs
        for chunk in samples:
            total = self._so_far.pop(chunk.id_, 0.0) + float(chunk.get_return())
            if chunk.is_done:
                _RETURNS.append(total)
            else:
                self._so_far[chunk.id_] = total


def stock_config(settings: Settings, *, is_new: bool) -> PPOConfig:
    """RLlib's PPO with these settings on the new or the old stack, without environment and network."""
    keys = {"lambda": "lambda_"}
    training = {keys.get(k, k): v for k, v in settings.items() if k not in RUNNER_KEYS}
    return (
        PPOConfig()
        .api_stack(enable_rl_module_and_learner=is_new, enable_env_runner_and_connector_v2=is_new)
        .env_runners(**{key: settings[key] for key in RUNNER_KEYS if key in settings})
        .training(**training)
    )


def train_until(
    goal: Goal, limit: int, algo: Algorithm, *, is_new: bool, returns: Iterable[float] = ()
) -> None:
    """Train until the goal is reached, at most for `limit` steps.

    Args:
        returns: of the last episodes, looked at anew after every iteration.
    """
    counter = "num_env_steps_sampled_lifetime" if is_new else "num_env_steps_sampled"
    steps = 0
    while not goal.reached(steps, list(returns)) and steps < limit:
        steps = int(algo.train()[counter])


def _config(is_new: bool, network: Settings) -> PPOConfig:
    window = _NewStackWindow if is_new else _OldStackWindow
    config = stock_config(RLLIB_PPO, is_new=is_new).environment(ENV).callbacks(window)
    if is_new:
        return config.rl_module(model_config=DefaultModelConfig(**network))
    return config.training(model=dict(network))


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    torch.set_num_threads(THREADS)
    is_new, network = variant.startswith("new"), NETWORKS[variant]
    algo = _config(is_new, network).build_algo()
    train_until(goal, limit, algo, is_new=is_new, returns=_RETURNS)
    algo.stop()
    return {
        "settings": {**RLLIB_PPO, "model": network, "torch_threads": THREADS},
        "versions": versions_of("ray", "torch", "gymnasium", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, sorted(NETWORKS), train))
