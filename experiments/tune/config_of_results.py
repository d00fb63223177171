"""Puts the configuration back into results that came without it
(:mod:`rllib_zoo.algorithms.base.config_once`)."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback


class ConfigOfResults(Callback):
    """Every result of a trial shows the configuration that its trainer sent last.

    Callbacks behind this one, result files and ``Result.config`` see it: one object for all of a
    trial's results. After a resume a new trainer sends it anew, so nothing is kept for that.
    """

    def __init__(self) -> None:
        self._configs: dict[str, dict[str, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._configs = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A training iteration is done."""
        if "config" in result:
            self._configs[trial.trial_id] = result["config"]
        elif trial.trial_id in self._configs:
            result["config"] = self._configs[trial.trial_id]

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial ended."""
        self._configs.pop(trial.trial_id, None)
