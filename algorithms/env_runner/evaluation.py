"""Evaluation: whole episodes, an equal number from every environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, EVALUATION_RESULTS

from rllib_zoo.algorithms.env_runner.episodes import Episode, summary
from rllib_zoo.envs import EnvironmentFault


def play_episodes(runner: Any, num_episodes: int, *, explore: bool) -> list[Episode]:
    """Run whole episodes from fresh resets.

    Every environment runs a fixed share of them: taking the first that end among many parallel
    environments would favour short episodes.

    Args:
        runner: a ``VectorEnvRunner`` built with ``in_evaluation``.
        num_episodes: exact number.
        explore: sample actions; False selects the most probable ones.
    """
    num_envs = runner.num_envs
    quotas = np.full(num_envs, num_episodes // num_envs)
    quotas[: num_episodes % num_envs] += 1
    finished: list[list[Episode]] = [[] for _ in range(num_envs)]
    runner.reset_episodes()
    while any(len(episodes) < quota for episodes, quota in zip(finished, quotas, strict=True)):
        for index, episode in runner.step_episodes(explore=explore):
            if len(finished[index]) < quotas[index]:
                finished[index].append(episode)
    return [episode for episodes in finished for episode in episodes]


def evaluate_on_runners(algorithm: Any, runners: Any) -> tuple[dict[str, Any], int, int]:
    """RLlib's ``custom_evaluation_function``: ``evaluation_duration`` episodes, raw returns.

    Uses the remote evaluation runners if there are any; ``explore`` of the evaluation configuration
    selects between sampled and most probable actions.
    """
    config = algorithm.evaluation_config
    num_episodes, explore = int(config.evaluation_duration), bool(config.explore)
    moments = algorithm.moments_state()
    num_remote = runners.num_remote_env_runners()

    def evaluate(runner: Any) -> tuple[list[Episode], int]:
        # Remote runners are numbered from 1; the first ones run the remainder.
        extra = num_remote > 0 and runner.worker_index <= num_episodes % num_remote
        runner.set_moments(moments)
        share = num_episodes // max(num_remote, 1) + extra
        return play_episodes(runner, share, explore=explore), runner.take_env_restarts()

    try:
        parts = runners.foreach_env_runner(evaluate, local_env_runner=num_remote == 0)
    except EnvironmentFault as fault:
        raise EnvironmentFault(f"{fault}; in evaluation") from fault
    for _, restarts in parts:
        algorithm.count_env_restarts(restarts)
    episodes = [episode for finished, _ in parts for episode in finished]
    steps = sum(episode.length for episode in episodes)
    metrics = summary(episodes)
    # RLlib's new API stack takes the results from the metrics, not from the returned dictionary.
    for name, value in metrics.items():
        key = (EVALUATION_RESULTS, ENV_RUNNER_RESULTS, name)
        algorithm.metrics.log_value(key, value, reduce="item", window=None)
    return {ENV_RUNNER_RESULTS: metrics}, steps, steps
