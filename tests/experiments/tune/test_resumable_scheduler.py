"""The parts of the resumable scheduler: early stops, saved state, missing metrics, interruptions."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from rllib_zoo.analysis.files.trials import stopped_early
from rllib_zoo.experiments.tune.resumable_scheduler import (
    STATE,
    EarlyStops,
    ResumableScheduler,
    restore_state,
    save_state,
)
from rllib_zoo.experiments.tune.signals import Interruption


class Recorder(FIFOScheduler):
    """Records the results it receives and answers with an action."""

    def __init__(self, action=TrialScheduler.CONTINUE):
        super().__init__()
        self.action, self.results = action, []

    def on_trial_result(self, tune_controller, trial, result):
        self.results.append(result)
        return self.action


@pytest.mark.parametrize(("max_t", "marked"), [(None, True), (11, True), (10, False)])
def test_a_stop_before_max_t_is_marked(tmp_path, max_t, marked):
    EarlyStops(max_t, "steps").mark(SimpleNamespace(path=tmp_path), {"steps": 10})
    assert stopped_early(tmp_path) == marked


def test_a_stop_by_the_scheduler_is_marked(tmp_path):
    trial = SimpleNamespace(path=tmp_path)
    for action, marked in ((TrialScheduler.CONTINUE, False), (TrialScheduler.STOP, True)):
        assert ResumableScheduler(Recorder(action)).on_trial_result(None, trial, {}) == action
        assert stopped_early(tmp_path) == marked


def test_the_state_of_asha_is_saved_and_restored(tmp_path):
    def scheduler():
        return AsyncHyperBandScheduler(metric="m", mode="max", max_t=8, reduction_factor=2)

    asha, copy = scheduler(), scheduler()
    trial = SimpleNamespace(trial_id="t", config={}, status="RUNNING")
    asha.on_trial_add(None, trial)
    asha.on_trial_result(None, trial, {"training_iteration": 2, "m": 5.0})
    save_state(asha, tmp_path)
    restore_state(copy, tmp_path)
    assert copy.debug_string() == asha.debug_string() != scheduler().debug_string()
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_a_scheduler_without_saved_state_is_left_alone(tmp_path):
    save_state(FIFOScheduler(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    restore_state(FIFOScheduler(), tmp_path)


def test_a_signal_pauses_trials_at_their_next_result(tmp_path):
    scheduler, trial = ResumableScheduler(Recorder()), SimpleNamespace(path=tmp_path)
    with Interruption():
        assert scheduler.on_trial_result(None, trial, {}) == TrialScheduler.CONTINUE
        os.kill(os.getpid(), signal.SIGTERM)
        assert scheduler.on_trial_result(None, trial, {}) == TrialScheduler.PAUSE
    assert scheduler.on_trial_result(None, trial, {}) == TrialScheduler.CONTINUE
