"""A search algorithm's suggestions, each trained with several seeds and scored over all of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ray.tune.search import Searcher

from rllib_zoo.algorithms.base.result_names import valid_number
from rllib_zoo.analysis.statistics import iqm, worst_quarter
from rllib_zoo.experiments.spec.search_space import at, placed
from rllib_zoo.experiments.tune.ray_internals import sampled_paths


def score_of_seeds(
    scores: Sequence[float], statistic: str | None = None, *, mode: str | None = "max"
) -> float:
    """One score for several seeds.

    Args:
        scores: one per seed.
        statistic: ``iqm``, the default: the mean of the middle half; of three and fewer, of all.
            ``worst_quarter``: the mean of the worst quarter, of at least one.
        mode: ``max`` or ``min``: whether higher or lower scores are better.
    """
    if statistic != "worst_quarter":
        return float(iqm([np.asarray(scores)]))
    sign = -1.0 if mode == "min" else 1.0
    return sign * float(worst_quarter([sign * np.asarray(scores)]))


class SeedRepeater(Searcher):
    """Trains every suggestion once per seed and reports the seeds' common score to the search.

    So a single lucky seed cannot win. A trial that failed, or has no finished episode, counts as the
    worst score so far. The wrapped search sees flat names, which lets it sample items of lists.

    Args:
        searcher: the wrapped search; it sees one trial per configuration.
        seeds: set as ``seed`` in the configuration, in this order; None: one trial, no seed set.
        bound: limit of scores: better ones count as this; None: no limit.
        statistic: of :func:`score_of_seeds`.
    """

    def __init__(
        self,
        searcher: Searcher,
        seeds: Sequence[int] | None,
        *,
        bound: float | None = None,
        statistic: str | None = None,
    ):
        super().__init__(metric=searcher.metric, mode=searcher.mode)
        self.searcher = searcher
        self._seeds: list[int | None] = [None] if seeds is None else list(seeds)
        self._bound = bound
        self._statistic = statistic
        self._space: dict[str, Any] = {}
        self._paths: dict[str, tuple[Any, ...]] = {}
        self._config: dict[str, Any] = {}
        self._first_trial = ""
        self._pending_seeds: list[int | None] = []
        # Trial → the first trial of its configuration; that one → score of each of its trials.
        self._first_trial_of: dict[str, str] = {}
        self._scores: dict[str, dict[str, float | None]] = {}
        # Trial → its last metric: not every result has one, for example between evaluations.
        self._last: dict[str, float] = {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Pass the sampled values to the search under flat names."""
        self._space = dict(config)
        # Tune splits names at slashes.
        self._paths = {
            ".".join(map(str, path)).replace("/", "|"): path for path in sampled_paths(config)
        }
        flat = {name: at(config, path) for name, path in self._paths.items()}
        return bool(self.searcher.set_search_properties(metric, mode, flat, **spec))

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The current configuration with its next seed, or a new configuration."""
        if not self._pending_seeds:
            suggested = self.searcher.suggest(trial_id)
            if not isinstance(suggested, Mapping):
                return suggested
            self._config, self._first_trial = self._nested(suggested), trial_id
            self._pending_seeds = list(self._seeds)
            self._scores[trial_id] = {}
        self._first_trial_of[trial_id] = self._first_trial
        config, seed = copy.deepcopy(self._config), self._pending_seeds.pop(0)
        return config if seed is None else {**config, "seed": seed}

    def _nested(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """Top-level keys of the configuration that contain suggested values."""
        space = self._space
        for name, path in self._paths.items():
            space = placed(space, path, suggested[name])
        return {str(path[0]): space[path[0]] for path in self._paths.values()}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keep the last metric of a running trial."""
        if (value := valid_number(result.get(self.metric))) is not None:
            self._last[trial_id] = value

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Report a configuration to the search once, when all its seeds are complete."""
        first_trial = self._first_trial_of[trial_id]
        scores = self._scores[first_trial]
        reported = len(scores) == len(self._seeds)
        self.on_trial_result(trial_id, result or {})
        value = self._last.pop(trial_id, None)
        scores[trial_id] = None if error or value is None else self._clipped(float(value))
        if reported or len(scores) < len(self._seeds):
            return
        score = self._score(scores)
        result = None if score is None else {self.metric: score}
        self.searcher.on_trial_complete(first_trial, result, error=result is None)

    def _clipped(self, score: float) -> float:
        if self._bound is None:
            return score
        return min(score, self._bound) if self.mode == "max" else max(score, self._bound)

    def _score(self, scores: Mapping[str, float | None]) -> float | None:
        so_far = [s for group in self._scores.values() for s in group.values() if s is not None]
        if not so_far:
            return None
        worst = min(so_far) if self.mode == "max" else max(so_far)
        filled = [worst if score is None else score for score in scores.values()]
        return score_of_seeds(filled, self._statistic, mode=self.mode)

    def get_state(self) -> dict[str, Any]:
        """Everything but the wrapped search, which :meth:`save` saves."""
        return {name: value for name, value in vars(self).items() if name != "searcher"}

    def set_state(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def save(self, checkpoint_path: str) -> None:
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        self.searcher.restore(checkpoint_path)
