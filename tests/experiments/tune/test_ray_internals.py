"""The private names of Ray in use exist in the installed Ray, with the expected signatures."""

from __future__ import annotations

import inspect
import signal
import time

import pytest
from ray import tune
from ray.train import Checkpoint, CheckpointConfig
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.storage import StorageContext
from ray.tune import ResultGrid
from ray.tune import tune as tune_module
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback
from ray.tune.registry import ENV_CREATOR, RLLIB_MODEL, _global_registry
from ray.tune.search.variant_generator import parse_spec_vars

from rllib_zoo.experiments.tune import ray_internals
from rllib_zoo.experiments.tune.ray_internals import (
    TrainingResult,
    forget_resolved_calls,
    kill_unresponsive,
    register_checkpoints,
    registered_checkpoints,
    sampled_paths,
)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (TrainingResult, ["checkpoint", "metrics"]),
        (TuneController.checkpoint, ["self", "force", "wait"]),
        (TuneController.get_trials, ["self"]),
        (_CheckpointManager, ["checkpoint_config"]),
        (_CheckpointManager.register_checkpoint, ["self", "checkpoint_result"]),
        (Trial.invalidate_json_state, ["self"]),
        (Trial.is_finished, ["self"]),
        (parse_spec_vars, ["spec"]),
        (JsonLoggerCallback.update_config, ["self", "trial", "config"]),
        (CSVLoggerCallback._setup_trial, ["self", "trial"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_signatures(function, parameters):
    assert list(inspect.signature(function).parameters) == parameters


def test_storage_context_takes_a_folder_and_names():
    parameters = inspect.signature(StorageContext).parameters
    assert list(parameters)[:2] == ["storage_path", "experiment_dir_name"]
    assert "trial_dir_name" in parameters
    staging = inspect.getattr_static(StorageContext, "experiment_driver_staging_path")
    assert isinstance(staging, property)


def test_attributes_of_tunes_file_loggers():
    assert set(vars(JsonLoggerCallback())) == {"_trial_configs", "_trial_files"}
    assert set(vars(CSVLoggerCallback())) == {"_trial_continue", "_trial_files", "_trial_csv"}


@pytest.mark.parametrize("category", [ENV_CREATOR, RLLIB_MODEL])
def test_the_registry_of_environments_and_models(category):
    assert not _global_registry.contains(category, "no such name")
    assert list(inspect.signature(_global_registry.get).parameters) == ["category", "key"]


def test_a_result_grid_keeps_its_trials():
    source = inspect.getsource(ResultGrid.__init__)
    assert "self._experiment_analysis = experiment_analysis" in source
    assert "self._experiment_analysis.trials" in source


def test_tune_leaves_ctrl_c_alone_and_handles_the_other_signal():
    source = inspect.getsource(tune_module)
    assert f'"{ray_internals.DISABLE_SIGINT_HANDLER}"' in source
    name = signal.Signals(ray_internals.INTERRUPT_TUNE).name
    assert f"signal.signal(signal.{name}, signal_interrupt_tune_run)" in source


def test_checkpoints_are_registered_and_read_back(tmp_path):
    config = CheckpointConfig(num_to_keep=2)
    storage = StorageContext(str(tmp_path), "experiment", trial_dir_name="trial")
    trial = Trial("PPO", stub=True, storage=storage, checkpoint_config=config)
    assert (trial.storage.trial_dir_name, trial.path) == ("trial", f"{tmp_path}/experiment/trial")
    assert trial.storage.storage_filesystem is not None
    assert registered_checkpoints(trial) == {}
    results = []
    for number in range(3):
        folder = tmp_path / f"checkpoint_{number:06d}"
        folder.mkdir()
        results.append(TrainingResult(Checkpoint(str(folder)), {"training_iteration": number}))
    register_checkpoints(trial, results)
    assert sorted(registered_checkpoints(trial)) == ["checkpoint_000001", "checkpoint_000002"]
    assert not (tmp_path / "checkpoint_000000").exists()
    assert trial.latest_checkpoint_result is results[2]
    assert trial.storage.current_checkpoint_index == 2
    register_checkpoints(trial, [])
    assert trial.latest_checkpoint_result is None
    assert trial.storage.current_checkpoint_index == -1


def test_sampled_paths():
    space = {"lr": [[0, tune.uniform(0, 1)]], "gamma": 0.9, "model": {"dim": tune.choice([1, 2])}}
    assert sorted(sampled_paths(space), key=str) == [("lr", 0, 1), ("model", "dim")]


class Counting(tune.Trainable):
    """Twelve results without any work."""

    def step(self):
        return {"done": self.iteration == 11}

    def save_checkpoint(self, folder):
        return {}

    def load_checkpoint(self, state):
        pass


class CountsAnswers(tune.schedulers.FIFOScheduler):
    """Number of answers that Ray's actor manager keeps at every result."""

    def __init__(self, forget):
        super().__init__()
        self.forget, self.kept = forget, []

    def on_trial_result(self, tune_controller, trial, result):
        if self.forget:
            forget_resolved_calls(tune_controller)
        manager = tune_controller._actor_manager
        self.kept.append(sum(map(len, manager._tracked_actors_to_task_futures.values())))
        return super().on_trial_result(tune_controller, trial, result)


@pytest.mark.ray
@pytest.mark.parametrize("forget", [True, False])
def test_answers_of_earlier_calls_are_freed(forget, ray_session, tmp_path):
    scheduler = CountsAnswers(forget)
    settings = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
    settings_of_tune = tune.TuneConfig(scheduler=scheduler)
    (result,) = tune.Tuner(Counting, tune_config=settings_of_tune, run_config=settings).fit()
    assert result.metrics["training_iteration"] == 12
    # The scheduler is not called for the last result.
    assert scheduler.kept == ([0] * 11 if forget else list(range(1, 12)))


class Sleeping(Counting):
    """No result, ever."""

    def step(self):
        time.sleep(1e6)


class Kills(tune.schedulers.FIFOScheduler):
    """Kills the trial that runs."""

    def choose_trial_to_run(self, tune_controller):
        if any(trial.status == "RUNNING" for trial in tune_controller.get_trials()):
            kill_unresponsive(tune_controller, 0.0)
        return super().choose_trial_to_run(tune_controller)


@pytest.mark.ray
def test_a_trial_without_an_answer_is_killed(ray_session, tmp_path):
    settings = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
    tuner = tune.Tuner(
        Sleeping, tune_config=tune.TuneConfig(scheduler=Kills()), run_config=settings
    )
    assert "killed by `ray.kill`" in str(tuner.fit().errors[0])
