"""The parts of the resumable scheduler: early stops, saved state, missing metrics, interruptions."""

from __future__ import annotations

import math
import os
import signal
from types import SimpleNamespace

import pytest
from ray.air.execution._internal.event_manager import RayEventManager
from ray.tune import CheckpointConfig
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from rllib_zoo.analysis.files.trials import stopped_early
from rllib_zoo.experiments.tune.ray_internals import CheckpointsByScore, TrainingResult
from rllib_zoo.experiments.tune.resumable_scheduler import (
    STATE,
    EarlyStops,
    ResumableScheduler,
    restore_state,
    save_state,
)
from rllib_zoo.experiments.tune.signals import Interruption

# What schedulers read of Tune's controller: no live trials, no calls of actors.
CONTROLLER = SimpleNamespace(
    get_live_trials=list,
    _actor_manager=SimpleNamespace(
        _actor_task_events=RayEventManager(), _tracked_actors_to_task_futures={}
    ),
)


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
        assert ResumableScheduler(Recorder(action)).on_trial_result(CONTROLLER, trial, {}) == action
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
        assert scheduler.on_trial_result(CONTROLLER, trial, {}) == TrialScheduler.CONTINUE
        os.kill(os.getpid(), signal.SIGTERM)
        assert scheduler.on_trial_result(CONTROLLER, trial, {}) == TrialScheduler.PAUSE
    assert scheduler.on_trial_result(CONTROLLER, trial, {}) == TrialScheduler.CONTINUE


EVALUATED = "evaluation/env_runners/episode_return_mean"


class FakeTrial:
    """What the schedulers read of Tune's trial, whose last metrics it keeps."""

    status = "RUNNING"

    def __init__(self, name):
        self.trial_id, self.config, self.metric_analysis, self.last_result = name, {}, {}, {}
        self.path = f"/nonexistent/{name}"
        manager = SimpleNamespace(checkpoint_config=None)
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)

    def report(self, scheduler, iteration, score, key=EVALUATED):
        """One result, with the score only where it is not missing; the scheduler's action."""
        result = {"training_iteration": iteration, "timesteps_total": iteration}
        result |= {} if score == "missing" else {key: score}
        action = scheduler.on_trial_result(CONTROLLER, self, result)
        if isinstance(score, float):
            self.metric_analysis[key] = {"last": score}
        return action


@pytest.mark.parametrize("absent", ["missing", None, math.nan])
def test_asha_judges_by_the_last_evaluation(absent, monkeypatch):
    inner = AsyncHyperBandScheduler(
        metric=EVALUATED, mode="max", max_t=9, grace_period=3, reduction_factor=2
    )
    scheduler, good, bad = ResumableScheduler(inner), FakeTrial("good"), FakeTrial("bad")
    monkeypatch.setattr(scheduler._early_stops, "mark", lambda trial, result: None)
    for trial in (good, bad):
        inner.on_trial_add(None, trial)
    actions = []
    for trial, score in ((good, 10.0), (bad, 2.0)):
        for iteration, value in ((1, absent), (2, score), (3, absent)):
            actions.append(trial.report(scheduler, iteration, value))
    assert actions == ["CONTINUE"] * 5 + ["STOP"]
    assert inner._brackets[0]._rungs[-1] == (3, {"good": 10.0, "bad": 2.0})


def test_median_stopping_compares_evaluations_only(monkeypatch):
    inner = MedianStoppingRule(
        time_attr="training_iteration", metric=EVALUATED, mode="max",
        grace_period=1, min_samples_required=2,
    )  # fmt: skip
    scheduler = ResumableScheduler(inner)
    monkeypatch.setattr(scheduler._early_stops, "mark", lambda trial, result: None)
    trials = [FakeTrial(str(number)) for number in range(3)]
    for trial, score in zip(trials[:2], (5.0, 6.0), strict=True):
        for iteration, value in ((1, "missing"), (2, score), (3, "missing")):
            assert trial.report(scheduler, iteration, value) == "CONTINUE"
    assert trials[2].report(scheduler, 1, "missing") == "CONTINUE"
    assert trials[2].report(scheduler, 2, 1.0) == "STOP"
    empty = FakeTrial("never evaluated")
    scheduler.on_trial_complete(None, empty, {"training_iteration": 4})
    assert trials[0].report(scheduler, 4, 7.0) == "CONTINUE"


def test_hyperband_counts_a_trial_without_a_score_as_the_worst():
    inner = HyperBandScheduler(metric=EVALUATED, mode="max", max_t=9)
    scheduler, seen = ResumableScheduler(inner), []
    inner.on_trial_result = lambda controller, trial, result: seen.append(result[EVALUATED])
    trial = FakeTrial("t")
    for iteration, score in ((1, "missing"), (2, 3.0), (3, "missing")):
        trial.report(scheduler, iteration, score)
    assert seen == [-math.inf, 3.0, 3.0]


def test_a_population_waits_for_the_next_evaluation():
    inner = PopulationBasedTraining(
        time_attr="training_iteration", metric=EVALUATED, mode="max",
        perturbation_interval=2, hyperparam_mutations={"lr": [1, 2]}, require_attrs=False,
    )  # fmt: skip
    scheduler, seen = ResumableScheduler(inner), []
    inner.on_trial_result = lambda controller, trial, result: seen.append(result)
    trial = FakeTrial("t")
    for iteration, score in ((1, "missing"), (2, 3.0), (3, None)):
        trial.report(scheduler, iteration, score)
    assert [result[EVALUATED] for result in seen] == [3.0]


def checkpoint(number):
    return SimpleNamespace(path=str(number), filesystem=None)


@pytest.mark.parametrize(
    ("name", "order", "kept"),
    [
        (EVALUATED, "max", [4, 1, 3]),
        (EVALUATED, "min", [0, 2, 4]),
        ("episode_reward_mean", "max", [4, 1, 3]),
        ("env_runners/episode_return_mean", "max", [4, 1, 3]),
    ],
)
def test_the_best_checkpoints_are_kept_by_nested_names(name, order, kept, monkeypatch):
    deleted = []
    where = "ray.train._internal.checkpoint_manager._delete_fs_path"
    monkeypatch.setattr(where, lambda fs, fs_path: deleted.append(int(fs_path)))
    config = CheckpointConfig(
        num_to_keep=2, checkpoint_score_attribute=name, checkpoint_score_order=order
    )
    manager = CheckpointsByScore(config)
    for number, score in enumerate((-3.0, 0.0, -2.0, -1.0, None)):
        metrics = {"training_iteration": number}
        if score is not None:
            runners = {"env_runners": {"episode_return_mean": score}}
            metrics |= {"episode_reward_mean": score, "evaluation": runners, **runners}
        manager.register_checkpoint(TrainingResult(checkpoint(number), metrics))
    # The newest is kept, too: a resume continues from it.
    assert sorted(deleted) == sorted(set(range(5)) - set(kept))
    assert manager.latest_checkpoint_result.metrics["training_iteration"] == 4
