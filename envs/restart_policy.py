"""When a failed environment may be restarted: one rule for single copies and whole vectors."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from rllib_zoo.envs.errors import EnvironmentFault

logger = logging.getLogger(__name__)

# Key of the info: how often a copy was restarted for this observation.
RESTARTS = "env_restarts"
# Restarts without a successful step in between, after which the error is raised.
RESTARTS_IN_A_ROW = 10
KEY = "restart_failed_sub_environments"


@dataclass
class Restarts:
    """The restarts so far.

    Attributes:
        allowed: whether to restart at all.
        total: number of restarts.
        in_a_row: restarts since the last successful step.
    """

    allowed: bool
    total: int = 0
    in_a_row: int = 0

    def count(self, line: str, error: BaseException) -> None:
        """Count a restart because of ``error``, described by ``line``.

        Raises:
            EnvironmentFault: restarts are not allowed, or there were too many in a row.
        """
        if not self.allowed:
            raise EnvironmentFault(f"{line}; {KEY}: true would restart it") from error
        if self.in_a_row == RESTARTS_IN_A_ROW:
            raise EnvironmentFault(
                f"{line}, after {RESTARTS_IN_A_ROW} restarts in a row"
            ) from error
        self.total += 1
        self.in_a_row += 1
        if self.total.bit_count() == 1:  # the 1st, 2nd, 4th, 8th, …: logs stay short
            logger.warning("%s; restarting it (restart %d)", line, self.total)

    def seed_after(self, seed: int | None) -> int | None:
        """A new seed for every restart, the same ones in a repeated run; None without a seed."""
        if seed is None:
            return None
        # 30 bits: ale-py's vector environment takes no more than 31.
        return int(np.random.SeedSequence([seed, self.total]).generate_state(1)[0]) >> 2


def error_line(error: BaseException) -> str:
    """An error in one line: its class and its text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
