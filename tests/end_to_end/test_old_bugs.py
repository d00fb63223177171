"""The known bugs of the retired command stay away: one test each, in the order they are known.

The ninth and the eleventh, empty rows and missing totals of evaluations, are played for real in
``test_command.py``.
"""

from __future__ import annotations

import inspect

import pytest
import typer
import yaml

from rllib_zoo.experiments import paths
from rllib_zoo.experiments.cli.examples import example_file
from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.config.from_options import (
    experiment_from_options,
    experiments_from_files,
)
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.tracking import require_trackers
from rllib_zoo.experiments.launch.tuner import checkpoint_config
from rllib_zoo.experiments.options import EvaluateOptions, FileOptions, TrainOptions

PYTHON = """
from ray.rllib.algorithms.ppo import PPOConfig
config = PPOConfig().environment("CartPole-v1")
stop = {"training_iteration": 3}
"""


@pytest.fixture
def requested(tmp_path):
    """Experiments of a file with options over it."""

    def of(content, name="file.yaml", **options):
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return experiments_from_files([file], FileOptions(**options))

    return of


def entry(**keys):
    return {"run": "PPO", "env": "CartPole-v1", "stop": {"training_iteration": 1}, **keys}


def test_1_the_files_checkpoint_settings_stand(requested):
    own = {"checkpoint_frequency": 7, "checkpoint_at_end": False, "num_to_keep": 2}
    (found,) = requested({"x": entry(checkpoint_config=own)})
    settings = checkpoint_config(found)
    assert (settings.checkpoint_frequency, settings.num_to_keep) == (7, 2)
    assert settings.checkpoint_at_end is False


def test_2_a_python_files_stop_is_used(requested):
    (found,) = requested(PYTHON, "mine.py")
    assert found.stop == {"training_iteration": 3}
    (found,) = requested(PYTHON, "mine.py", stop=["{'training_iteration': 5}"])
    assert found.stop == {"training_iteration": 5}


def test_3_a_python_file_names_its_experiment(requested):
    assert requested(PYTHON, "mine.py")[0].name == "mine"


def test_4_weights_and_biases_needs_no_class_name(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match="wandb is missing"):
        require_trackers(FileOptions(wandb_key="key"))


def test_5_an_environment_in_config_is_kept():
    options = TrainOptions(
        algo="PPO", config='{"env": "CartPole-v1", "lr": 0.1}', stop=['{"timesteps_total": 5}']
    )
    found = experiment_from_options(options)
    assert (found.env, found.config) == ("CartPole-v1", {"lr": 0.1})


def test_6_options_hold_for_all_experiments(requested):
    found = requested({"x": entry(), "y": entry(run="A2C")}, env="Acrobot-v1")
    assert [(e.algorithm, e.env) for e in found] == [("PPO", "Acrobot-v1"), ("A2C", "Acrobot-v1")]


def test_7_an_experiment_needs_no_config(requested):
    (found,) = requested({"x": entry()}, framework="torch", log_info=True)
    assert found.config == {}


def test_8_stop_replaces_a_yaml_files_rule(requested):
    (found,) = requested({"x": entry()}, stop=['{"timesteps_total": 5}'])
    assert found.stop == {"timesteps_total": 5}


def test_10_evaluation_needs_no_algorithm():
    assert EvaluateOptions().algo is None


def test_12_an_example_runs_with_the_options_given():
    defaults = {name: p.default for name, p in inspect.signature(FileOptions).parameters.items()}
    assert defaults["framework"] is None
    assert defaults["checkpoint_freq"] is None
    assert defaults["log_info"] is False


def test_13_examples_are_read_from_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "EXAMPLES", tmp_path)
    with pytest.raises(RequestError, match="unknown"):
        example_file("cartpole-ppo")
    assert list(tmp_path.iterdir()) == []


def test_14_every_option_has_a_help_of_its_own():
    def commands(group, path=()):
        for name, command in getattr(group, "commands", {}).items():
            yield (*path, name), command
            yield from commands(command, (*path, name))

    for path, command in commands(typer.main.get_command(app)):
        helps = [p.help for p in command.params if p.param_type_name == "option"]
        assert all(helps), path
        assert len(set(helps)) == len(helps), path


def test_the_tuned_files_are_no_retired_files():
    for file in paths.example_files().values():
        assert all(not experiment.changes for experiment in read_experiments(file))
