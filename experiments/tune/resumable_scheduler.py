"""A shell around Tune's schedulers that keeps what Tune forgets when it is killed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune.schedulers import (
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.trials import note_stopped_early
from rllib_zoo.experiments.console import say
from rllib_zoo.experiments.tune.disk_errors import raise_if_of_disk
from rllib_zoo.experiments.tune.recovery import adopt_checkpoints
from rllib_zoo.experiments.tune.signals import interruption

STATE = "scheduler_state.pkl"


class SavedScheduler(TrialScheduler):
    """Passes everything on to a scheduler, and

    - saves the experiment as soon as a trial has ended: Tune does so every 10 s or more, and after
      a kill runs what ended in between again;
    - saves the scheduler's own state where it can (ASHA), which Tune does not save at all;
    - notes which trials the scheduler ended before their time;
    - lets a trial go on from the newest whole checkpoint in its folder, whatever Tune remembers;
    - ends with checkpoints where an end is asked for, and at once where the disk is full.

    Args:
        inner: Tune's scheduler; None: first in, first out.
        until: time at which the scheduler lets trials end as planned, None: it does not.
        time_attr: the result that ``until`` is a number of.
        worst: the metric of a trial none of whose episodes has ended.
    """

    def __init__(
        self,
        inner: TrialScheduler | None,
        *,
        until: float | None = None,
        time_attr: str | None = None,
        worst: float = -math.inf,
    ):
        super().__init__()
        self.inner = FIFOScheduler() if inner is None else inner
        self._until, self._time_attr, self._worst = until, time_attr, worst
        self._ended = 0
        self._restored = False

    @property
    def metric(self) -> Any:
        """Tune's hook."""
        return self.inner.metric

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Tune's hook."""
        return bool(self.inner.set_search_properties(metric, mode, **spec))

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Tune's hook; after a resume the first call restores the state."""
        self._ended += trial.is_finished()
        # Members of a population go on from each other's checkpoints.
        if not (trial.is_finished() or isinstance(self.inner, PopulationBasedTraining)):
            for note in adopt_checkpoints(trial):
                say(f"note: {note}")
        if not self._restored:
            self._restored = True
            self._restore(_folder(trial))
        # HyperBand would wait for trials that ended before the resume.
        if not (trial.is_finished() and isinstance(self.inner, HyperBandScheduler)):
            self.inner.on_trial_add(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Tune's hook, called before a retry, too."""
        raise_if_of_disk(trial)
        self.inner.on_trial_error(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's hook."""
        action = str(self.inner.on_trial_result(tune_controller, trial, self._whole(result)))
        if action == TrialScheduler.STOP:
            self._note_stop(trial, result)
        elif interruption() is not None:
            # Tune makes a checkpoint of what it pauses.
            return str(TrialScheduler.PAUSE)
        return action

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Tune's hook."""
        self.inner.on_trial_complete(tune_controller, trial, self._whole(result))

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Tune's hook: the scheduler ended a paused trial."""
        self._note_stop(trial, trial.last_result or {})
        self.inner.on_trial_remove(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Tune's hook, called in every round."""
        trials = tune_controller.get_trials()
        ended = sum(trial.is_finished() for trial in trials)
        if ended > self._ended:
            self._ended = ended
            self._save(_folder(trials[0]))
            tune_controller.checkpoint(force=True, wait=True)
        if (asked := interruption()) is None:
            return self.inner.choose_trial_to_run(tune_controller)
        if asked.overdue() or not any(trial.status == "RUNNING" for trial in trials):
            if trials:
                self._save(_folder(trials[0]))
            asked.end()
        return None

    def debug_string(self) -> str:
        """Tune's hook."""
        return str(self.inner.debug_string())

    def _whole(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result, with the worst metric where no episode has ended and Tune demands a number."""
        demanding = isinstance(self.inner, HyperBandScheduler | MedianStoppingRule)
        if not demanding or self.metric in result:
            return result
        return {**result, self.metric: self._worst}

    def _note_stop(self, trial: Any, result: Mapping[str, Any]) -> None:
        time = result.get(self._time_attr or "", 0)
        if self._until is None or time < self._until:
            note_stopped_early(Path(trial.path), "the scheduler")

    def _save(self, folder: Path) -> None:
        with suppress(NotImplementedError), atomic_write(folder / STATE) as draft:
            self.inner.save(str(draft))

    def _restore(self, folder: Path) -> None:
        if (folder / STATE).exists():
            self.inner.restore(str(folder / STATE))


def _folder(trial: Any) -> Path:
    """Where Tune collects what it copies to the experiment's folder with its own state.

    Written straight to the experiment's folder, files would be overwritten there after a resume: Tune
    fetches them into this one first and copies them back with every save.
    """
    folder = Path(trial.storage.experiment_driver_staging_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
