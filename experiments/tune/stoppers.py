"""When trials stop: at the first stop criterion reached, or when the time budget is spent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune import Callback, Stopper

from rllib_zoo.algorithms.base.result_names import lookup
from rllib_zoo.analysis.files.trials import note_stopped_early
from rllib_zoo.experiments.tune.storage import results_folder

# The next iteration may take this factor times the longest one so far.
ITERATION_MARGIN = 1.5
# A checkpoint that was begun before the budget was spent may take this long.
SAVE_SECONDS = 30.0


class FirstReached(Stopper):
    """Stops a trial when any named result reaches its bound.

    Tune's own ``stop`` dictionary raises when a result lacks a key, as every result does before the
    first episode has ended.
    """

    def __init__(self, bounds: Mapping[str, float]):
        self.bounds = dict(bounds)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return any(
            (value := lookup(result, key)) is not None and value >= bound
            for key, bound in self.bounds.items()
        )

    def stop_all(self) -> bool:
        return False

    def progress(self, result: Mapping[str, Any]) -> float:
        """The largest fraction, in [0, 1], reached of bounds on results that never decrease."""
        fractions = [
            value / bound
            for key, bound in self.bounds.items()
            if _never_decreases(key) and bound > 0 and (value := lookup(result, key)) is not None
        ]
        return min(max(fractions, default=0.0), 1.0)


def _never_decreases(key: str) -> bool:
    return key.endswith(("_total", "_lifetime", "_total_s")) or key == "training_iteration"


class TimeBudget(Stopper, Callback):
    """Stops each trial at the last result that fits into the budget, and everything when it is spent.

    Tune makes a final checkpoint only of a trial that is stopped at a result. ``stop_all`` therefore
    ends only trials whose iteration took longer than estimated, and trials that wait.

    Args:
        seconds: budget of the whole experiment from Tune's first round; time between an interruption
            and a resume does not count.
        marks: mark the folders of trials that stop early; otherwise there is no stop criterion but the
            budget, so that trials it ends are done.
    """

    def __init__(self, seconds: float, *, marks: bool = False):
        self.seconds, self._marks = seconds, marks
        self._folders: dict[str, Path] = {}
        self._spent_before = 0.0
        self._since: float | None = None
        self._iterations: dict[str, list[float]] = {}
        self._saving: dict[str, float] = {}

    def left(self) -> float:
        """Remaining seconds; negative when the budget is exceeded."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return self.seconds - self._spent_before - (now - self._since)

    def share(self) -> float:
        """Spent fraction of the budget, in [0, 1]."""
        return min(max(1.0 - self.left() / self.seconds, 0.0), 1.0)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        left, seconds = self.left(), float(result.get("time_this_iter_s") or 0.0)
        first, longest = self._iterations.get(trial_id, [seconds, 0.0])
        # The first iteration includes warm-up: it counts only while there is no other.
        longest = max(longest, seconds) if trial_id in self._iterations else longest
        self._iterations[trial_id] = [first, longest]
        if left > ITERATION_MARGIN * (longest or first):
            return False
        if left > 0:
            self._saving[trial_id] = time.monotonic()
        self._mark(trial_id)
        return True

    def stop_all(self) -> bool:
        """Called in every round; waits for checkpoints being saved, which it would abort."""
        if self.left() > 0:
            return False
        now = time.monotonic()
        return all(now - since > SAVE_SECONDS for since in self._saving.values())

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._folders[trial.trial_id] = results_folder(trial)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._saving.pop(trial.trial_id, None)

    def _mark(self, trial_id: str) -> None:
        """Mark the trial as stopped early, in its folder."""
        if self._marks:
            note_stopped_early(self._folders[trial_id], "the time budget")

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles stoppers with the experiment: a resume continues with the remaining budget."""
        spent = self.seconds - self.left()
        return {
            **self.__dict__,
            "_spent_before": spent,
            "_since": None,
            "_saving": {},
            "_folders": {},
        }
