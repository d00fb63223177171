"""Lines about trials without a result for a while: what they wait for, and which environment may hang.

The trainer is a process of its own, so the command can tell this although the trainer may be stuck.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rllib_zoo.experiments.console import PROGRESS_PERIOD_S

# Lines after the first minute.
LATER_PERIOD_S = 30.0
FIRST_MINUTE_S = 60.0
# RLlib's default of the key.
SAMPLE_TIMEOUT_S = 60.0
# A result is late after so many times the longest iteration, if that is more than sample_timeout_s.
LATE_ITERATIONS = 5.0


class TrialWaiting:
    """Since when each trial has had no result."""

    def __init__(self) -> None:
        # Trial id → time of its last result, or of its start (monotonic seconds).
        self._since: dict[str, float] = {}
        self._has_result: set[str] = set()
        self._longest: dict[str, float] = {}
        self._next_line = time.monotonic() + PROGRESS_PERIOD_S

    def on_start(self, trial: Any) -> None:
        """A trial's process has built its environments."""
        self._since[trial.trial_id] = time.monotonic()

    def on_result(self, trial: Any) -> None:
        """A trial has reported a result."""
        now, name = time.monotonic(), trial.trial_id
        if name in self._has_result:
            seconds = now - self._since[name]
            self._longest[name] = max(self._longest.get(name, 0.0), seconds)
        self._has_result.add(name)
        self._since[name] = now

    def lines(self, trials: Sequence[Any]) -> list[tuple[Any, str]]:
        """At most one line every few seconds: the trial that has waited longest, and the text."""
        now = time.monotonic()
        others_run = any(trial.status == "RUNNING" for trial in trials)
        for trial in trials:
            if others_run and trial.status == "PENDING":  # it may just queue
                self._since[trial.trial_id] = now
            self._since.setdefault(trial.trial_id, now)
        if now < self._next_line:
            return []
        waiting = [
            trial for trial in trials if trial.status == "RUNNING" and self._is_due(trial, now)
        ]
        if not waiting and not others_run:
            waiting = [trial for trial in trials if trial.status == "PENDING"]
        if not waiting:
            return []
        first = min(waiting, key=lambda trial: self._since[trial.trial_id])
        seconds = now - self._since[first.trial_id]
        period = PROGRESS_PERIOD_S if seconds < FIRST_MINUTE_S else LATER_PERIOD_S
        self._next_line = now + period
        others = f"; and {len(waiting) - 1} more trials" if len(waiting) > 1 else ""
        return [(first, f"{self._text(first, seconds)}{others}")]

    def _is_due(self, trial: Any, now: float) -> bool:
        """Whether a trial has had no first result for some time, or its next one is late."""
        has_result = trial.trial_id in self._has_result
        allowed = self._allowed(trial) if has_result else PROGRESS_PERIOD_S
        return now - self._since[trial.trial_id] >= allowed

    def _allowed(self, trial: Any) -> float:
        """Seconds without a result that are no reason to warn."""
        timeout = float(trial.config.get("sample_timeout_s") or SAMPLE_TIMEOUT_S)
        return max(timeout, LATE_ITERATIONS * self._longest.get(trial.trial_id, 0.0))

    def _text(self, trial: Any, seconds: float) -> str:
        env = f"environment {str(trial.config.get('env'))!r}"
        if trial.status != "RUNNING":
            doing = f"starting its processes, which build {env}"
        elif trial.trial_id in self._has_result:
            doing = f"no result since iteration {trial.last_result.get('training_iteration')}"
        else:
            doing = "no result yet"
        text = f"{doing}, {seconds:.0f} s"
        if seconds <= self._allowed(trial):
            return text
        return f"{text}, more than sample_timeout_s: {env} may hang; Ctrl-C ends the run"
