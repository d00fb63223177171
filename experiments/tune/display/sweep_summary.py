"""One line about all trials of a sweep: how many are done, the best one, and the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rllib_zoo.algorithms.base.result_names import lookup, valid_number

ENDED = ("TERMINATED", "ERROR")


class SweepSummary:
    """Counts trials and estimates the time left from the progress of all.

    Args:
        planned: number of trials.
        metric: result that trials are compared by.
        mode: ``min`` or ``max``.
    """

    def __init__(self, planned: int, metric: str, mode: str):
        self.planned = planned
        self._metric, self._sign = metric, -1.0 if mode == "min" else 1.0
        # Monotonic seconds and progress when it began: after a resume, part of the work was done before.
        self._start: tuple[float, float] | None = None

    def line(
        self, trials: Sequence[Any], share: Callable[[Any], float], left: float | None = None
    ) -> str:
        """``12 of 30 done, 1 failed, 4 running, 13 waiting, best lr=0.001 seed=3 489.6, about 2 min left``.

        Args:
            trials: Tune's, so far.
            share: reached fraction of a trial's stop criterion.
            left: remaining seconds of the experiment's time budget; None without one.
        """
        counts = Counter(trial.status for trial in trials)
        total = max(self.planned, len(trials))
        waiting = total - sum(counts[status] for status in (*ENDED, "RUNNING"))
        parts = [f"{counts['TERMINATED']} of {total} done"]
        for number, word in (
            (counts["ERROR"], "failed"),
            (counts["RUNNING"], "running"),
            (waiting, "waiting"),
        ):
            parts += [f"{number} {word}"] if number else []
        parts += self._best(trials)
        progress = sum(1.0 if trial.status in ENDED else share(trial) for trial in trials)
        seconds = [s for s in (self._left(progress, total), left) if s is not None]
        if seconds and min(seconds) > 0:
            parts.append(f"about {rough_duration(min(seconds))} left")
        return ", ".join(parts)

    def _best(self, trials: Sequence[Any]) -> list[str]:
        values = [
            (self._sign * value, str(trial), value)
            for trial in trials
            if (value := valid_number(lookup(trial.last_result or {}, self._metric))) is not None
        ]
        if not values:
            return []
        _, name, value = max(values)
        return [f"best {name} {value:,.1f}" if abs(value) >= 10 else f"best {name} {value:.3g}"]

    def _left(self, progress: float, total: int) -> float | None:
        """Seconds until all trials end, at the speed since the first progress; None before that."""
        now = time.monotonic()
        if self._start is None and progress > 0:
            self._start = now, progress
        since, before = self._start or (now, progress)
        if progress <= before:
            return None
        return (total - progress) * (now - since) / (progress - before)


def rough_duration(seconds: float) -> str:
    """A duration as people guess it: 40 s, 2 min, 1 h 20 min."""
    if seconds < 60:
        return f"{max(round(seconds, -1), 10):.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
