"""Sampling from remote env runners: late, lost and unresponsive ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Set
from typing import Any

import ray

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.envs import environment_name

logger = logging.getLogger(__name__)

# Rounds in a row without a response after which a runner is taken to hang, not to be slow.
MAX_TIMEOUTS_IN_A_ROW = 2
# Seconds between two health checks while no runner is healthy.
HEALTH_CHECK_PERIOD_S = 0.2


class RemoteSampling:
    """Samples one fragment from every remote runner that responds in time.

    The process of a runner whose environments hang is terminated, and Ray restarts it.
    """

    def __init__(self, config: Any):
        self._config = config
        # Runner id → timeouts in a row.
        self._timeouts: dict[int, int] = {}

    def sample(self, group: Any, restore: Callable[[], Any]) -> list[Rollout]:
        """One fragment from every runner that responds within ``sample_timeout_s``.

        Args:
            group: RLlib's EnvRunnerGroup.
            restore: restores lost runners; called while no runner is healthy.

        Raises:
            RuntimeError: no runner responded.
            Exception: whatever a runner raised.
        """
        timeout = self._config.sample_timeout_s
        start = time.monotonic()
        while True:
            requested = set(group.healthy_env_runner_ids())
            results = group.foreach_env_runner(
                lambda runner: (runner.worker_index, runner.sample()),
                local_env_runner=False,
                timeout_seconds=timeout,
            )
            if results:
                self._count_timeouts(group, requested - {index for index, _ in results})
                return [result for _, result in results]
            if time.monotonic() - start > timeout:
                raise RuntimeError(
                    f"none of {self._config.num_env_runners} env runners returned a rollout of "
                    f"environment {environment_name(self._config.env)!r} within sample_timeout_s "
                    f"{timeout}"
                )
            time.sleep(HEALTH_CHECK_PERIOD_S)
            restore()

    def _count_timeouts(self, group: Any, late: Set[int]) -> None:
        """Count a round's late runners; terminate those late too often in a row."""
        healthy = set(group.healthy_env_runner_ids())
        self._timeouts = {index: self._timeouts.get(index, 0) + 1 for index in late & healthy}
        for index in [i for i, n in self._timeouts.items() if n >= MAX_TIMEOUTS_IN_A_ROW]:
            del self._timeouts[index]
            terminate_runner(group, index, self._config)


def terminate_runner(group: Any, index: int, config: Any) -> None:
    """Kill a runner's process; Ray restarts it if ``restart_failed_env_runners`` is set.

    Without restarts the next call of the runner raises.
    """
    logger.error(
        "environment %r hangs: runner %d did not respond within sample_timeout_s %s; its process "
        "is terminated",
        environment_name(config.env),
        index,
        config.sample_timeout_s,
    )
    manager = group._worker_manager
    ray.kill(manager.actors()[index], no_restart=False)
    if config.restart_failed_env_runners:
        manager.set_actor_state(index, healthy=False)
