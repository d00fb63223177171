"""When a trial ends: the first criterion reached, wherever in the result it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune import Callback, Stopper

from rllib_zoo.analysis.files.trials import note_stopped_early


def lookup(result: Mapping[str, Any], path: str) -> Any:
    """The number at ``a/b/c`` in a nested result; None where there is none (yet)."""
    if path in result:
        return result[path]
    node: Any = result
    for part in path.split("/"):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


class FirstReached(Stopper):
    """Stops a trial when any named result reaches its bound.

    Tune's own dictionary of criteria raises when a result lacks a key, as every result does
    before the first episode has ended.
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
        """The largest share reached of those budgets that only grow, in [0, 1]."""
        shares = [
            value / bound
            for key, bound in self.bounds.items()
            if _only_grows(key) and bound > 0 and (value := lookup(result, key)) is not None
        ]
        return min(max(shares, default=0.0), 1.0)


def _only_grows(key: str) -> bool:
    return key.endswith(("_total", "_lifetime", "_total_s")) or key == "training_iteration"


# The next iteration may take so much longer than the longest one before it.
LONGER = 1.5
# A checkpoint that was begun in time may take so long.
SAVE_SECONDS = 30.0


class TimeBudget(Stopper, Callback):
    """Ends a trial at the last result that fits into the budget, and all that is left at its end.

    Tune makes a trial's final checkpoint where a stopper ends it at a result. Ended with the whole
    experiment, it gets none: that is left to trials whose iteration took longer than was foreseen,
    and to those that wait. As a callback it hears when a trial has ended, its checkpoint saved.

    Args:
        seconds: the budget of the whole experiment, from Tune's first round; pauses between an
            interruption and a resume are not counted.
        folder: the experiment's, below which trials that end before their stop rule are noted; None:
            nothing but the budget ends trials.
    """

    def __init__(self, seconds: float, folder: Path | None = None):
        self.seconds, self._folder = seconds, folder
        self._spent_before = 0.0
        self._since: float | None = None
        self._iterations: dict[str, list[float]] = {}
        self._saving: dict[str, float] = {}

    def left(self) -> float:
        """Seconds that are left; negative when it is over."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return self.seconds - self._spent_before - (now - self._since)

    def share(self) -> float:
        """How much of it is spent, in [0, 1]."""
        return min(max(1.0 - self.left() / self.seconds, 0.0), 1.0)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        left, taken = self.left(), float(result.get("time_this_iter_s") or 0.0)
        first, longest = self._iterations.get(trial_id, [taken, 0.0])
        # The first iteration warms up: it counts as long as there is no other.
        longest = max(longest, taken) if trial_id in self._iterations else longest
        self._iterations[trial_id] = [first, longest]
        if left > LONGER * (longest or first):
            return False
        if left > 0:
            self._saving[trial_id] = time.monotonic()
        self._note(trial_id)
        return True

    def stop_all(self) -> bool:
        """Tune's hook, called in every round: ends checkpoints on their way, too, hence the wait."""
        if self.left() > 0:
            return False
        now = time.monotonic()
        return all(now - since > SAVE_SECONDS for since in self._saving.values())

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook."""
        self._saving.pop(trial.trial_id, None)

    def _note(self, trial_id: str) -> None:
        """In the trial's folder; a stopper hears no more of a trial than the end of its folder's name."""
        for folder in self._folder.glob(f"*_{trial_id}") if self._folder is not None else ():
            note_stopped_early(folder, "the time budget")

    def __getstate__(self) -> dict[str, Any]:
        """Tune saves its stoppers with the experiment: a resume has what is left of the budget."""
        spent = self.seconds - self.left()
        return {**self.__dict__, "_spent_before": spent, "_since": None, "_saving": {}}
