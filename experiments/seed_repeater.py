"""Several seeds for every configuration a search suggests, judged together."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune.search import Searcher
from scipy import stats


class SeedRepeater(Searcher):
    """Runs every suggestion once per seed and tells the search their interquartile mean.

    A lucky seed cannot win so. A trial that failed counts as the worst score seen so far.

    Args:
        searcher: what suggests; it sees one trial per configuration.
        seeds: set as ``seed`` in the configuration, in this order.
    """

    def __init__(self, searcher: Searcher, seeds: Sequence[int]):
        super().__init__(metric=searcher.metric, mode=searcher.mode)
        self.searcher = searcher
        self.seeds = list(seeds)
        self._config: dict[str, Any] = {}
        self._leader = ""
        self._waiting: list[int] = []
        # Trial → the first trial of its configuration, and that one → score of each of its trials.
        self._leader_of: dict[str, str] = {}
        self._scores: dict[str, dict[str, float | None]] = {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Tune's hook: the space goes to the search."""
        done = self.searcher.set_search_properties(metric, mode, config, **spec)
        self._metric, self._mode = self.searcher.metric, self.searcher.mode
        return bool(done)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Tune's hook: the next seed of the configuration under way, or a new configuration."""
        if not self._waiting:
            suggested = self.searcher.suggest(trial_id)
            if suggested is None or suggested == Searcher.FINISHED:
                return suggested
            self._config, self._leader = copy.deepcopy(suggested), trial_id
            self._waiting = list(self.seeds)
            self._scores[trial_id] = {}
        self._leader_of[trial_id] = self._leader
        return {**copy.deepcopy(self._config), "seed": self._waiting.pop(0)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tune's hook: when all seeds are done, the search hears of them."""
        leader = self._leader_of[trial_id]
        scores = self._scores[leader]
        value = None if error or not result else result.get(self.metric)
        scores[trial_id] = None if value is None or np.isnan(value) else float(value)
        if len(scores) < len(self.seeds):
            return
        judged = self._judged(scores)
        told = None if judged is None else {self.metric: judged}
        self.searcher.on_trial_complete(leader, told, error=told is None)

    def _judged(self, scores: dict[str, float | None]) -> float | None:
        known = [s for group in self._scores.values() for s in group.values() if s is not None]
        if not known:
            return None
        worst = min(known) if self.mode == "max" else max(known)
        values = [worst if score is None else score for score in scores.values()]
        return float(stats.trim_mean(values, 0.25))

    def save(self, checkpoint_path: str) -> None:
        """Tune's hook."""
        inner = f"{checkpoint_path}.search"
        self.searcher.save(inner)
        names = ("seeds", "_config", "_leader", "_waiting", "_leader_of", "_scores")
        state = {name: getattr(self, name) for name in names}
        Path(checkpoint_path).write_bytes(pickle.dumps(state))

    def restore(self, checkpoint_path: str) -> None:
        """Tune's hook."""
        self.searcher.restore(f"{checkpoint_path}.search")
        self.__dict__.update(pickle.loads(Path(checkpoint_path).read_bytes()))
