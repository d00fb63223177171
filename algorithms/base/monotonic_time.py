"""Durations in results that no change of the system's clock affects."""

from __future__ import annotations

import time
from typing import Any

from ray.tune.result import TIME_THIS_ITER_S


class MonotonicTime:
    """Mixin of an Algorithm: measures iterations by the monotonic clock, and with them ``time_total_s``.

    Tune takes differences of the time of day: set back by an hour, an iteration lasts minus one hour.
    """

    def step(self) -> dict[str, Any]:
        """As RLlib, with the iteration's seconds."""
        start = time.monotonic()
        result: dict[str, Any] = super().step()  # type: ignore[misc]
        result[TIME_THIS_ITER_S] = time.monotonic() - start
        return result
