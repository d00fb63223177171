"""`--set` over a legacy file: read as part of the file."""

from __future__ import annotations

import pytest
import yaml

from rllib_zoo.experiments.config.from_options import (
    experiment_from_options,
    experiments_from_files,
)
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import FileOptions, TrainOptions

A2C = {
    "run": "A2C",
    "env": "CartPole-v0",
    "stop": {"timesteps_total": 1000},
    "config": {
        "framework": "tf",
        "num_workers": 4,
        "rollout_fragment_length": 10,
        "train_batch_size": 100,
        "lr_schedule": [[0, 1e-3], [100, 0]],
    },
}


@pytest.fixture
def config(tmp_path):
    """The configuration of a file with assignments over it."""

    def of(*assignments, entry=A2C):
        file = tmp_path / "old.yaml"
        file.write_text(yaml.safe_dump({"old": entry}))
        (experiment,) = experiments_from_files([file], FileOptions(set_=list(assignments)))
        return experiment.config

    return of


def test_batches_and_bounds_follow_the_option(config):
    assert config()["train_batch_size"] == 120
    new_config = config("num_workers=1")
    assert (new_config["num_env_runners"], new_config["train_batch_size"]) == (1, 100)
    assert config("train_batch_size=40")["grad_clip"] == 40 / 40


@pytest.mark.parametrize("name", ["num_workers", "num_env_runners", "config.num_rollout_workers"])
def test_every_name_of_a_key_replaces_the_files(config, name):
    new_config = config(f"{name}=2")
    assert new_config["num_env_runners"] == 2
    assert "num_workers" not in new_config


def test_legacy_keys_are_translated(config):
    assert config("num_gpus=1")["num_gpus_per_learner"] == 1
    assert config("horizon=50")["env_config"] == {"max_episode_steps": 50}
    assert "use_pytorch" not in config("use_pytorch=true")


def test_a_learning_rate_replaces_the_files_schedule(config):
    assert config("lr=0.5")["lr"] == 0.5
    assert config()["lr"] == [[0, 1e-3], [100, 0.0]]


def test_dqns_own_keys(config):
    entry = {**A2C, "run": "DQN", "config": {"buffer_size": 100, "num_workers": 0}}
    assert config("buffer_size=7", entry=entry)["replay_buffer_config"]["capacity"] == 7
    assert config("learning_starts=7", entry=entry)["num_steps_sampled_before_learning_starts"] == 7


def test_stop_and_fields_are_as_ever(config, tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump({"old": A2C}))
    options = FileOptions(set_=["stop.episode_reward_mean=9", "num_samples=3", "num_workers=0"])
    (experiment,) = experiments_from_files([file], options)
    assert experiment.stop == {"timesteps_total": 1000, "episode_reward_mean": 9}
    assert (experiment.num_samples, experiment.config["num_env_runners"]) == (3, 0)


def test_python_files_and_options_alone(tmp_path):
    file = tmp_path / "old.py"
    file.write_text(
        "from ray.rllib.algorithms.a2c import A2CConfig\n"
        "config = A2CConfig().environment('CartPole-v1').rollouts(num_rollout_workers=4)\n"
    )
    (experiment,) = experiments_from_files([file], FileOptions(set_=["num_workers=1"]))
    assert experiment.config["num_env_runners"] == 1
    options = TrainOptions(
        algo="A2C", env="CartPole-v1", config="{num_workers: 2}", set_=["num_workers=1"]
    )
    assert experiment_from_options(options).config["num_env_runners"] == 1


def test_what_is_malformed_is_said(config):
    with pytest.raises(RequestError, match=r"'lr' is not KEY\.SUB=VALUE"):
        config("lr")
    with pytest.raises(RequestError, match="V-trace is not supported"):
        config("vtrace=true")


def test_a_current_file_is_overridden_after_it_was_read(config):
    entry = {**A2C, "config": {"num_env_runners": 4}}
    assert config("num_workers=1", entry=entry) == {"num_env_runners": 1}
