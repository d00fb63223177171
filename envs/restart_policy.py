"""How often something was built anew, and until when: one rule for single copies and whole vectors."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from rllib_zoo.envs.errors import EnvironmentFault

logger = logging.getLogger(__name__)

# Key of the info that tells how often a copy was built anew for this observation.
RESTARTS = "env_restarts"
# As often in a row, without a good step in between, a copy is built anew before its error counts.
RESTARTS_IN_A_ROW = 10
KEY = "restart_failed_sub_environments"


@dataclass
class Restarts:
    """What was built anew so far.

    Attributes:
        allowed: whether anything may be.
        total: how often it was.
        in_a_row: how often since the last good step.
    """

    allowed: bool
    total: int = 0
    in_a_row: int = 0

    def count(self, line: str, error: Exception) -> None:
        """Count one more, for what ``line`` says of ``error``.

        Raises:
            EnvironmentFault: it is not to be built anew, or that failed too often in a row.
        """
        if not self.allowed:
            raise EnvironmentFault(f"{line}; {KEY}: true would build it anew") from error
        if self.in_a_row == RESTARTS_IN_A_ROW:
            raise EnvironmentFault(
                f"{line}, after it was built anew {RESTARTS_IN_A_ROW} times in a row"
            ) from error
        self.total += 1
        self.in_a_row += 1
        if self.total.bit_count() == 1:  # the 1st, 2nd, 4th, 8th, …: logs stay short
            logger.warning("%s; it is built anew (number %d)", line, self.total)

    def seed_after(self, seed: int | None) -> int | None:
        """Another one each time, and the same in a repeated run; None where none was given."""
        if seed is None:
            return None
        # 30 bits, as ale-py's vector environment takes 31 only.
        return int(np.random.SeedSequence([seed, self.total]).generate_state(1)[0]) >> 2


def described(error: BaseException) -> str:
    """An error in one line: its class and its text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
