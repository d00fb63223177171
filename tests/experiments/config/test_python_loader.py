"""Python config files: the builder style of RLlib, read to plain data."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from pathlib import Path

import pytest

from rllib_zoo.algorithms import config_class
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.validation.check import validate

A2C = """
from rllib_zoo.algorithms.a2c import A2CConfig
from rllib_zoo.custom_models import SharedEncoderActorCritic

config = (
    A2CConfig()
    .environment("CartPole-v1", env_config={"sutton_barto_reward": True})
    .env_runners(num_env_runners=0, num_envs_per_env_runner=4)
    .training(
        lr=[[0, 1e-3], [1000, 1e-4]],
        gamma=0.98,
        train_batch_size=80,
        model={
            "custom_model": SharedEncoderActorCritic,
            "custom_model_config": {"policy_hiddens": []},
        },
        optimizer={"type": "adam", "epsilon": 1e-5},
    )
    .evaluation(evaluation_interval=2, evaluation_config={"explore": False})
    .reporting(min_sample_timesteps_per_iteration=160)
    .debugging(seed=7)
)
stop = {"timesteps_total": 320}
"""
A3C = """
from rllib_zoo.algorithms.a3c.a3c import A3CConfig
config = A3CConfig().environment("CartPole-v1").env_runners(num_env_runners=1).training(lr=1e-3)
"""
PPO = """
from rllib_zoo.algorithms.ppo import PPOConfig
config = PPOConfig().environment("CartPole-v1").training(
    train_batch_size_per_learner=256, minibatch_size=64, clip_param=None, use_kl_loss=False,
    model={"fcnet_hiddens": [16]},
).learners(num_learners=0)
stop = {"training_iteration": 1}
"""


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="my_experiment.py"):
        file = tmp_path / name
        file.write_text(textwrap.dedent(text))
        return file

    return write_file


def read(file):
    (experiment,) = read_experiments(file)
    return experiment


def original(text):
    names = {}
    exec(text, names)  # the same text without the reader, for the comparison
    return names["config"]


@pytest.mark.parametrize(("name", "text"), [("A2C", A2C), ("A3C", A3C), ("PPO", PPO)])
def test_the_data_rebuild_an_equal_configuration(write, name, text):
    experiment = read(write(text))
    rebuilt = (
        config_class(name)().environment(experiment.env).update_from_dict(dict(experiment.config))
    )
    assert experiment.algorithm == name
    assert rebuilt.to_dict() == original(text).to_dict()


def test_only_what_was_set_is_read(write):
    experiment = read(write(A2C))
    assert experiment.name == "my_experiment"
    assert experiment.env == "CartPole-v1"
    assert experiment.stop == {"timesteps_total": 320}
    assert experiment.config == {
        "env_config": {"sutton_barto_reward": True},
        "num_envs_per_env_runner": 4,
        "lr": [[0, 1e-3], [1000, 1e-4]],
        "gamma": 0.98,
        "train_batch_size": 80,
        "model": {
            "custom_model": "rllib_zoo.custom_models.actor_critic.SharedEncoderActorCritic",
            "custom_model_config": {"policy_hiddens": []},
        },
        "optimizer": {"type": "adam", "epsilon": 1e-5},
        "evaluation_interval": 2,
        "evaluation_config": {"explore": False},
        "min_sample_timesteps_per_iteration": 160,
        "seed": 7,
    }


@pytest.mark.parametrize("text", [A2C, PPO])
def test_what_is_read_passes_the_checks(write, text):
    experiment = read(write(text))
    assert validate(experiment).config.to_dict()["lr"] == original(text).lr


def test_no_stop_is_an_empty_one(write):
    assert read(write(A3C)).stop == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x = 1",
            "defines no variable 'config'; write: from rllib_zoo.algorithms.ppo import PPOConfig",
        ),
        (
            "from ray.rllib.algorithms.ppo import PPOConfig\nconfig = PPOConfig()",
            "env: is missing; config = ….environment",
        ),
        (
            "config = {'lr': 1}",
            "config: is a plain dict, which does not name an algorithm; write: "
            "from rllib_zoo.algorithms.ppo import PPOConfig",
        ),
        ("x = 1\n\nraise ValueError('two\\nlines')", "line 3: ValueError: two lines"),
        ("def f():\n    return 1 / 0\n\nf()", "line 2: ZeroDivisionError: division by zero"),
        (
            "import no_such_module_here",
            "line 1: ModuleNotFoundError: No module named 'no_such_module_here'",
        ),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        ("x = 1\ny = (", "line 2: '(' was never closed"),
        (
            "from rllib_zoo.algorithms.ppo import PPOConfig\nconfig = PPOConfig().training(lrr=1)",
            "line 2: ValueError: 'lrr' is not a key of PPO; did you mean 'lr'?",
        ),
    ],
)
def test_refusals_name_file_and_line(write, text, message):
    file = write(text)
    with pytest.raises(RequestError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}: {message}")
    assert "\n" not in str(caught.value)


def test_a_relative_path_has_its_line_too(write, monkeypatch):
    monkeypatch.chdir(write("x = 1\nraise ValueError('no')").parent)
    with pytest.raises(RequestError) as caught:
        read(Path("my_experiment.py"))
    assert str(caught.value) == "my_experiment.py: line 2: ValueError: no"


@pytest.mark.parametrize("text", [A3C, "raise ValueError"])
def test_the_module_does_not_stay(write, text):
    before = set(sys.modules)
    with contextlib.suppress(RequestError):
        read(write(text))
    assert not [name for name in set(sys.modules) - before if "config_file" in name]


def test_bytes_that_are_no_text(tmp_path):
    file = tmp_path / "x.py"
    file.write_bytes(b"config = '\xff'\n")
    with pytest.raises(RequestError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_stop_that_is_no_mapping_is_refused_by_the_checks(write):
    file = write(PPO + "\nstop = 5\n")
    with pytest.raises(RequestError) as caught:
        validate(read(file))
    assert str(caught.value) == f"{file}: stop: must map result names to bounds, got 5"


def test_a_key_nothing_reads_is_refused_by_the_checks(write):
    file = write(PPO + "\nconfig.clip_paramm = 0.1\n")
    with pytest.raises(RequestError) as caught:
        validate(read(file))
    assert str(caught.value) == (
        f"{file}: config.clip_paramm: is not a key of PPO; did you mean 'clip_param'?"
    )
