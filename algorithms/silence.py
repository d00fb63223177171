"""Runner processes that owe answers: their environments hang where nothing inside reaches them."""

from __future__ import annotations

import logging
from collections.abc import Set
from typing import Any

import ray

from envs import environment_name

logger = logging.getLogger(__name__)

# Late once is slow; late again, while the others answered twice, is taken for hung.
ROUNDS = 2


class Silence:
    """Which runners did not answer, and for how many rounds in a row."""

    def __init__(self, config: Any):
        self._config = config
        self._rounds: dict[int, int] = {}

    def note(self, group: Any, asked: Set[int], answered: Set[int]) -> None:
        """Count a round; end the processes of runners that are silent for ``ROUNDS``.

        Args:
            group: RLlib's EnvRunnerGroup.
            asked: ids of the runners that were at work when the round began.
            answered: ids of those that returned something.
        """
        silent = (asked - answered) & set(group.healthy_env_runner_ids())
        self._rounds = {index: self._rounds.get(index, 0) + 1 for index in silent}
        for index in [i for i, rounds in self._rounds.items() if rounds >= ROUNDS]:
            del self._rounds[index]
            end_runner(group, index, self._config)


def end_runner(group: Any, index: int, config: Any) -> None:
    """End a runner's process; Ray starts it again where ``restart_failed_env_runners`` says so."""
    logger.error(
        "environment %r hangs: runner %d did not answer within sample_timeout_s %s; its process "
        "is ended",
        environment_name(config.env),
        index,
        config.sample_timeout_s,
    )
    ray.kill(group._worker_manager.actors()[index], no_restart=False)
