"""A wrapper around Tune's schedulers that adds what a resume after a kill needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune.schedulers import (
    FIFOScheduler,
    HyperBandScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)

from rllib_zoo.algorithms.base.result_names import valid_number
from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.trials import note_stopped_early
from rllib_zoo.experiments.memory import trim_memory
from rllib_zoo.experiments.tune.disk_errors import raise_disk_error
from rllib_zoo.experiments.tune.ray_internals import (
    forget_resolved_calls,
    kill_unresponsive,
    last_value,
    rank_checkpoints,
    save_experiment,
    staging_folder,
)
from rllib_zoo.experiments.tune.recovery import use_newest_checkpoint
from rllib_zoo.experiments.tune.signals import interruption
from rllib_zoo.experiments.tune.storage import restore_results, results_folder

STATE = "scheduler_state.pkl"
# From the interruption to the end of Tune's loop it takes less.
KILL_AFTER_S = 1.0


class ResumableScheduler(TrialScheduler):
    """Delegates to a scheduler of Tune, and adds

    - experiment state saved after every finished trial: Tune saves every 10 s or more, and after a kill
      repeats the trials that finished in between;
    - the scheduler's own state, which Tune never saves (:func:`save_state`);
    - scores from results that not every iteration has (:meth:`_judged`);
    - checkpoints ranked by results with nested names
      (:class:`rllib_zoo.experiments.tune.ray_internals.CheckpointsByScore`);
    - a mark in the folder of every trial the scheduler stopped early (:class:`EarlyStops`);
    - recovery of checkpoints (:mod:`rllib_zoo.experiments.tune.recovery`);
    - an orderly end after a signal (:mod:`rllib_zoo.experiments.tune.signals`) or on a full disk
      (:mod:`rllib_zoo.experiments.tune.disk_errors`).

    Args:
        inner: Tune's scheduler; None: first in, first out.
        max_t: value of ``time_attr`` at which the scheduler ends trials as planned; None: never.
        time_attr: name of the result that ``max_t`` bounds.
        worst: metric that HyperBand, which waits for all trials, assumes for those without any.
        settings: its name (``type``) and every setting, for the manifest.
    """

    def __init__(
        self,
        inner: TrialScheduler | None,
        *,
        max_t: float | None = None,
        time_attr: str | None = None,
        worst: float = -math.inf,
        settings: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.inner = FIFOScheduler() if inner is None else inner
        self.settings = dict(settings or {})
        self._early_stops = EarlyStops(max_t, time_attr)
        self._worst = worst
        self._num_finished = 0
        self._restored = False

    @property
    def metric(self) -> Any:
        return self.inner.metric

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return bool(self.inner.set_search_properties(metric, mode, **spec))

    def debug_string(self) -> str:
        return str(self.inner.debug_string())

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        finished = trial.is_finished()
        rank_checkpoints(trial)
        if trial.storage.trial_dir_name is not None:  # of a resumed experiment
            restore_results(trial)
        self._num_finished += finished
        # Trials of a population continue from each other's checkpoints.
        if not (finished or isinstance(self.inner, PopulationBasedTraining)):
            use_newest_checkpoint(trial)
        if not self._restored:
            self._restored = True
            restore_state(self.inner, staging_folder(trial))
        # HyperBand would wait for trials that finished before the resume.
        if not (finished and isinstance(self.inner, HyperBandScheduler)):
            self.inner.on_trial_add(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        raise_disk_error(trial)
        self.inner.on_trial_error(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        forget_resolved_calls(tune_controller)
        trim_memory()
        judged = self._judged(trial, result)
        action = str(TrialScheduler.CONTINUE)
        if judged is not None:
            action = str(self.inner.on_trial_result(tune_controller, trial, judged))
        if action == TrialScheduler.STOP:
            self._early_stops.mark(trial, result)
        elif interruption() is not None:
            # Tune makes a checkpoint of every trial it pauses.
            return str(TrialScheduler.PAUSE)
        return action

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        if (judged := self._judged(trial, result)) is not None:
            self.inner.on_trial_complete(tune_controller, trial, judged)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Called when the scheduler ends a paused trial."""
        self._early_stops.mark(trial, trial.last_result or {})
        self.inner.on_trial_remove(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Called in every round of Tune's loop."""
        trials = tune_controller.get_trials()
        num_finished = sum(trial.is_finished() for trial in trials)
        if num_finished > self._num_finished:
            self._num_finished = num_finished
            save_state(self.inner, staging_folder(trials[0]))
            save_experiment(tune_controller)
        current = interruption()
        if current is None:
            return self.inner.choose_trial_to_run(tune_controller)
        if current.overdue() or not any(trial.status == "RUNNING" for trial in trials):
            if trials:
                save_state(self.inner, staging_folder(trials[0]))
            kill_unresponsive(tune_controller, KILL_AFTER_S)
            current.interrupt_tune()
        return None

    def _judged(self, trial: Any, result: dict[str, Any]) -> dict[str, Any] | None:
        """The result with the metric, which may be an earlier one's; None if there is nothing to judge.

        Before the first episode, and between two evaluations, results lack it. Populations wait for
        the next one: a trial's last score may be of weights that it has replaced since.
        """
        name = self.metric
        if name is None or valid_number(result.get(name)) is not None:
            return result
        if isinstance(self.inner, PopulationBasedTraining):
            return None
        value = last_value(trial, name)
        if value is None and isinstance(self.inner, HyperBandScheduler):
            value = self._worst
        return None if value is None else {**result, name: value}


class EarlyStops:
    """Marks the folders of trials that a scheduler stopped before ``max_t``; None: marks all."""

    def __init__(self, max_t: float | None, time_attr: str | None):
        self._max_t, self._time_attr = max_t, time_attr

    def mark(self, trial: Any, result: Mapping[str, Any]) -> None:
        """Mark a stopped trial, unless its last result has reached ``max_t``."""
        if self._max_t is None or result.get(self._time_attr or "", 0) < self._max_t:
            note_stopped_early(results_folder(trial), "the scheduler")


def save_state(scheduler: TrialScheduler, folder: Path) -> None:
    """Save a scheduler's state; of Tune's only ASHA supports it."""
    with suppress(NotImplementedError), atomic_write(folder / STATE) as draft:
        scheduler.save(str(draft))


def restore_state(scheduler: TrialScheduler, folder: Path) -> None:
    """Restore what :func:`save_state` saved, if anything."""
    if (folder / STATE).exists():
        scheduler.restore(str(folder / STATE))
