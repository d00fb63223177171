"""Logging to MLflow; a server that fails meanwhile costs its rows, not the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.air.integrations.mlflow import MLflowLoggerCallback

from rllib_zoo.experiments.console import note
from rllib_zoo.experiments.errors import first_line


class MlflowLogger(MLflowLoggerCallback):
    """Ray's logger: a run per trial, of its name, with results over agent steps and the configuration."""

    _has_failed = False

    def log_trial_start(self, trial: Any) -> None:
        """As Ray's."""
        self._try(super().log_trial_start, trial)

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """As Ray's, without the configuration, whose numbers Ray logs as metrics."""
        metrics = {key: value for key, value in result.items() if key != "config"}
        self._try(super().log_trial_result, iteration, trial, metrics)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """As Ray's."""
        self._try(super().log_trial_end, trial, failed)

    def _try(self, method: Callable[..., None], *arguments: Any) -> None:
        try:
            method(*arguments)
        except (
            Exception
        ) as error:  # a trial without a run, or the store's: mlflow's, SQLAlchemy's, requests'
            if not self._has_failed:
                note(f"MLflow lacks results from now on: {first_line(error)}")
            self._has_failed = True
