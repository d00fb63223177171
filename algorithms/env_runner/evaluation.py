"""Evaluation: whole episodes of a policy, the same number from every environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, EVALUATION_RESULTS

from rllib_zoo.algorithms.env_runner.episodes import Episode, summary
from rllib_zoo.envs import EnvironmentFault


def play_episodes(runner: Any, num_episodes: int, *, explore: bool) -> list[Episode]:
    """Whole episodes from fresh resets.

    Every environment plays a fixed share of them. Taking the first that end among many parallel
    environments would favour short episodes.

    Args:
        runner: a :class:`rllib_zoo.algorithms.env_runner.env_runner.VectorEnvRunner` built with
            ``in_evaluation``.
        num_episodes: how many, exactly.
        explore: sample actions; False takes the most probable ones.
    """
    num_envs = runner.num_envs
    shares = np.full(num_envs, num_episodes // num_envs)
    shares[: num_episodes % num_envs] += 1
    played: list[list[Episode]] = [[] for _ in range(num_envs)]
    runner.restart_episodes()
    while any(len(done) < share for done, share in zip(played, shares, strict=True)):
        for index, episode in runner.step_episodes(explore=explore):
            if len(played[index]) < shares[index]:
                played[index].append(episode)
    return [episode for done in played for episode in done]


def evaluate_on_runners(algorithm: Any, runners: Any) -> tuple[dict[str, Any], int, int]:
    """RLlib's ``custom_evaluation_function``: ``evaluation_duration`` episodes, raw returns.

    Runs on the evaluation runners where there are any; ``explore`` of the evaluation
    configuration decides between sampled and most probable actions.
    """
    config = algorithm.evaluation_config
    wanted = int(config.evaluation_duration)
    moments = algorithm.moments_state()
    explore = bool(config.explore)
    remote = runners.num_remote_env_runners()

    def play(runner: Any) -> tuple[list[Episode], int] | EnvironmentFault:
        # Remote runners count from 1; the first ones play what cannot be shared equally.
        extra = remote > 0 and runner.worker_index <= wanted % remote
        runner.set_moments(moments)
        try:
            share = wanted // max(remote, 1) + extra
            return play_episodes(runner, share, explore=explore), runner.take_env_restarts()
        except EnvironmentFault as fault:  # as a value, see VectorEnvRunner.sample_or_fault
            return fault

    parts = runners.foreach_env_runner(play, local_env_runner=remote == 0)
    for part in parts:
        if isinstance(part, EnvironmentFault):
            raise EnvironmentFault(f"{part}; in evaluation") from part
        algorithm.count_env_restarts(part[1])
    episodes = [episode for played, _ in parts for episode in played]
    steps = sum(episode.length for episode in episodes)
    numbers = summary(episodes)
    # RLlib's new API stack takes the results from the metrics, not from what is returned.
    for name, value in numbers.items():
        key = (EVALUATION_RESULTS, ENV_RUNNER_RESULTS, name)
        algorithm.metrics.log_value(key, value, reduce="item", window=None)
    return {ENV_RUNNER_RESULTS: numbers}, steps, steps
