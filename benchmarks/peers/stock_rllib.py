"""Worker: stock RLlib PPO on the new or the old API stack, without any code of this project.

`python -m rllib_zoo.benchmarks.peers.stock_rllib new --json`. Variants: `STACK` and `STACK-256` on
CartPole-v1; `GAME-STACK` on Atari, there also with the old stack's network on the new stack.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import torch
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from rllib_zoo.benchmarks.peers.protocol import WINDOW_EPISODES, Goal, main, versions_of
from rllib_zoo.benchmarks.settings import atari, cartpole
from rllib_zoo.benchmarks.settings.cartpole import Settings

CARTPOLE_THREADS = 1
RUNNER_KEYS = ("num_env_runners", "num_envs_per_env_runner", "rollout_fragment_length")

NETWORKS = {
    "new": cartpole.RLLIB_EXAMPLE_NETWORK, "old": cartpole.RLLIB_EXAMPLE_NETWORK,
    "new-256": cartpole.RLLIB_DEFAULT_NETWORK, "old-256": cartpole.RLLIB_DEFAULT_NETWORK,
}  # fmt: skip
STACKS = ("new", "new-valid", "old")
VARIANTS = [*NETWORKS, *(f"{game}-{stack}" for game in atari.GAMES for stack in STACKS)]

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
    """RLlib's PPO with these settings on a stack; environment and network are not set."""
    keys = {"lambda": "lambda_"}
    training = {keys.get(k, k): v for k, v in settings.items() if k not in RUNNER_KEYS}
    return (
        PPOConfig()
        .api_stack(enable_rl_module_and_learner=is_new, enable_env_runner_and_connector_v2=is_new)
        .env_runners(**{key: settings[key] for key in RUNNER_KEYS if key in settings})
        .training(**training)
    )


def _cartpole_config(variant: str, *, is_new: bool) -> PPOConfig:
    window = _NewStackWindow if is_new else _OldStackWindow
    config = stock_config(cartpole.RLLIB_PPO, is_new=is_new)
    config = config.environment(cartpole.ENV).callbacks(window)
    if is_new:
        return config.rl_module(model_config=DefaultModelConfig(**NETWORKS[variant]))
    return config.training(model=dict(NETWORKS[variant]))


def _atari_config(game: str, stack: str, *, is_new: bool) -> PPOConfig:
    import ale_py
    import gymnasium as gym
    from ray.rllib.env.wrappers.atari_wrappers import wrap_atari_for_new_api_stack
    from ray.tune.registry import register_env

    def make(frameskip: int) -> gym.Env:
        gym.register_envs(ale_py)
        return gym.make(atari.env_of(game), repeat_action_probability=0.0, frameskip=frameskip)

    def make_wrapped(_: Any) -> gym.Env:
        # The new stack's wrapper skips frames itself.
        size, skip = atari.RLLIB_SIZE, atari.FRAMESKIP
        return wrap_atari_for_new_api_stack(make(1), dim=size, frameskip=skip, framestack=4)

    # The old stack wraps Atari environments: resizing, stacking, clipping.
    register_env("game", make_wrapped if is_new else lambda _: make(atari.FRAMESKIP))
    config = stock_config(atari.RLLIB_PPO, is_new=is_new).environment("game", clip_rewards=True)
    if is_new:
        filters = atari.RLLIB_OLD_FILTERS if stack == "new-valid" else None
        network = DefaultModelConfig(vf_share_layers=True, conv_filters=filters)
        return config.rl_module(model_config=network)
    return config.training(model={"dim": atari.RLLIB_SIZE, "vf_share_layers": True})


def _num_parameters(algo: Algorithm, *, is_new: bool) -> int:
    """Number of trained parameters; the new stack's runners have no value head, its learner has."""
    if not is_new:
        return sum(parameter.numel() for parameter in algo.get_policy().model.parameters())
    assert algo.learner_group is not None
    counts = algo.learner_group.foreach_learner(
        lambda learner: sum(p.numel() for p in learner.module[DEFAULT_MODULE_ID].parameters())
    )
    return int(next(iter(counts)).get())


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Train until the goal is reached, at most for `limit` steps."""
    on_cartpole = variant in NETWORKS
    is_new = "old" not in variant
    if on_cartpole:
        torch.set_num_threads(CARTPOLE_THREADS)
        config = _cartpole_config(variant, is_new=is_new)
    else:
        game, _, stack = variant.partition("-")
        config = _atari_config(game, stack, is_new=is_new)
    algo = config.build_algo()
    counter = "num_env_steps_sampled_lifetime" if is_new else "num_env_steps_sampled"
    steps = 0
    while not goal.reached(steps, list(_RETURNS)) and steps < limit:
        steps = int(algo.train()[counter])
    if on_cartpole:
        settings = {"model": NETWORKS[variant], "torch_threads": CARTPOLE_THREADS}
        settings = {**cartpole.RLLIB_PPO, **settings}
    else:
        parameters = _num_parameters(algo, is_new=is_new)
        sizes = {"screen_size": atari.RLLIB_SIZE, "parameters": parameters}
        settings = {**atari.RLLIB_PPO, **sizes}
    algo.stop()
    return {
        "settings": settings,
        "versions": versions_of("ray", "torch", "gymnasium", "ale-py", "numpy"),
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
