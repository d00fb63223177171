"""Asking runner processes for fragments: late ones, lost ones, and those that hang."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Set
from typing import Any

import ray

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.envs import EnvironmentFault, environment_name

logger = logging.getLogger(__name__)

# Late once is slow; late again, while the others answered twice, is taken for hung.
ROUNDS = 2


# Seconds between two looks for a runner that came back, while there is none.
WAIT_FOR_RUNNERS = 0.2

Answer = Rollout | EnvironmentFault | FloatingPointError


class RemoteSampling:
    """Fragments from all runner processes that answer in time.

    A runner whose environments hang where nothing inside its process reaches them is silent round
    after round: it is ended, and Ray starts it again.
    """

    def __init__(self, config: Any):
        self._config = config
        # Runner id → rounds in a row without an answer.
        self._silent: dict[int, int] = {}

    def sample(self, group: Any, restore: Callable[[], Any]) -> list[Answer]:
        """One fragment, or an error, from every runner that answers within ``sample_timeout_s``.

        Args:
            group: RLlib's EnvRunnerGroup.
            restore: brings lost runners back; called while there are no others.

        Raises:
            RuntimeError: no runner answered.
        """
        seconds = self._config.sample_timeout_s
        began = time.monotonic()
        while True:
            asked = set(group.healthy_env_runner_ids())
            answers = group.foreach_env_runner(
                lambda runner: (runner.worker_index, runner.sample_or_fault()),
                local_env_runner=False,
                timeout_seconds=seconds,
            )
            if answers:
                self._note_silence(group, asked - {index for index, _ in answers})
                return [answer for _, answer in answers]
            if time.monotonic() - began > seconds:
                raise RuntimeError(
                    f"none of {self._config.num_env_runners} env runners returned a rollout of "
                    f"environment {environment_name(self._config.env)!r} within sample_timeout_s "
                    f"{seconds}"
                )
            time.sleep(WAIT_FOR_RUNNERS)
            restore()

    def _note_silence(self, group: Any, silent: Set[int]) -> None:
        """Count a round; end the processes of runners that are silent for ``ROUNDS``."""
        at_work = set(group.healthy_env_runner_ids())
        self._silent = {index: self._silent.get(index, 0) + 1 for index in silent & at_work}
        for index in [i for i, rounds in self._silent.items() if rounds >= ROUNDS]:
            del self._silent[index]
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
