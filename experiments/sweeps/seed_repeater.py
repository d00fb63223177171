"""What a search suggests, once per seed, and judged over all of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ray.tune.search import Searcher

from rllib_zoo.analysis.statistics import iqm
from rllib_zoo.experiments.spec.search_space import at, placed


def interquartile_mean(scores: Sequence[float]) -> float:
    """Mean of the middle half; of three and fewer scores, of all."""
    return float(iqm([np.asarray(scores)]))


class SeedRepeater(Searcher):
    """Runs every suggestion once per seed and tells the search their interquartile mean.

    A lucky seed cannot win so. A trial that failed, or ended before an episode did, counts as the
    worst score seen so far. The search is asked for flat names, so that it may draw items of lists.

    Args:
        searcher: what suggests; it sees one trial per configuration.
        seeds: set as ``seed`` in the configuration, in this order; None: one trial, no seed set.
        bound: scores better than this count as this, None: as they are.
    """

    def __init__(
        self, searcher: Searcher, seeds: Sequence[int] | None, *, bound: float | None = None
    ):
        super().__init__(metric=searcher.metric, mode=searcher.mode)
        self.searcher = searcher
        self._seeds: list[int | None] = [None] if seeds is None else list(seeds)
        self._bound = bound
        self._space: dict[str, Any] = {}
        self._paths: dict[str, tuple[Any, ...]] = {}
        self._config: dict[str, Any] = {}
        self._leader = ""
        self._waiting: list[int | None] = []
        # Trial → the first trial of its configuration, and that one → score of each of its trials.
        self._leader_of: dict[str, str] = {}
        self._scores: dict[str, dict[str, float | None]] = {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Tune's hook: what is drawn goes to the search, by flat names."""
        self._space = dict(config)
        domains = dict(_domains(config))
        # Tune splits names at slashes.
        self._paths = {".".join(map(str, path)).replace("/", "|"): path for path in domains}
        flat = {name: domains[path] for name, path in self._paths.items()}
        return bool(self.searcher.set_search_properties(metric, mode, flat, **spec))

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Tune's hook: the next seed of the configuration under way, or a new configuration."""
        if not self._waiting:
            suggested = self.searcher.suggest(trial_id)
            if not isinstance(suggested, Mapping):
                return suggested
            self._config, self._leader = self._filled(suggested), trial_id
            self._waiting = list(self._seeds)
            self._scores[trial_id] = {}
        self._leader_of[trial_id] = self._leader
        config, seed = copy.deepcopy(self._config), self._waiting.pop(0)
        return config if seed is None else {**config, "seed": seed}

    def _filled(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """The top-level keys in which something is drawn, complete."""
        space = self._space
        for name, path in self._paths.items():
            space = placed(space, path, suggested[name])
        return {str(path[0]): space[path[0]] for path in self._paths.values()}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tune's hook: when all seeds are done, the search hears of them, once."""
        leader = self._leader_of[trial_id]
        scores = self._scores[leader]
        told = len(scores) == len(self._seeds)
        value = None if error or not result else result.get(self.metric)
        scores[trial_id] = None if value is None or np.isnan(value) else self._within(float(value))
        if told or len(scores) < len(self._seeds):
            return
        judged = self._judged(scores)
        found = None if judged is None else {self.metric: judged}
        self.searcher.on_trial_complete(leader, found, error=found is None)

    def _within(self, score: float) -> float:
        if self._bound is None:
            return score
        return min(score, self._bound) if self.mode == "max" else max(score, self._bound)

    def _judged(self, scores: Mapping[str, float | None]) -> float | None:
        known = [s for group in self._scores.values() for s in group.values() if s is not None]
        if not known:
            return None
        worst = min(known) if self.mode == "max" else max(known)
        return interquartile_mean([worst if score is None else score for score in scores.values()])

    def get_state(self) -> dict[str, Any]:
        """Tune's hook: all but the search itself, which Tune saves."""
        return {name: value for name, value in vars(self).items() if name != "searcher"}

    def set_state(self, state: dict[str, Any]) -> None:
        """Tune's hook."""
        self.__dict__.update(state)

    def save(self, checkpoint_path: str) -> None:
        """Tune's hook."""
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Tune's hook."""
        self.searcher.restore(checkpoint_path)


def _domains(tree: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Path and object of everything Tune would draw."""
    from ray.tune.search.variant_generator import parse_spec_vars

    _, drawn, _ = parse_spec_vars(tree)
    return [(path, at(tree, path)) for path, _ in drawn]
