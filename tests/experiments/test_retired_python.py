"""Python files of RLlib's own configuration classes: read unchanged, and nothing outlives it."""

from __future__ import annotations

import sys

import pytest
import ray.rllib.algorithms.ppo as real_ppo

from experiments.errors import RequestError
from experiments.reading import read_experiments

A2C = """
from ray.rllib.algorithms.a2c import A2CConfig

config = (
    A2CConfig()
    .environment("CartPole-v1")
    .training(lr=0.001, train_batch_size=20)
    .framework("tf")
    .rollouts(num_rollout_workers=0)
)
"""


@pytest.fixture
def read(tmp_path):
    def read_one(text, name="course.py"):
        file = tmp_path / name
        file.write_text(text)
        (experiment,) = read_experiments(file)
        return experiment

    return read_one


def test_a_builder_of_a_retired_algorithm(read):
    found = read(A2C)
    assert (found.name, found.algorithm, found.env) == ("course", "A2C", "CartPole-v1")
    assert found.config["lr"] == 0.001
    assert found.config["train_batch_size"] == 20
    assert found.config["num_env_runners"] == 0
    assert "framework" not in found.config
    assert found.config["grad_clip"] == pytest.approx(40 / 20)


@pytest.mark.parametrize(
    "text",
    [
        "from ray.rllib.algorithms.ppo import PPOConfig",
        "from ray.rllib.algorithms.ppo import PPO, PPOConfig",
        "import ray.rllib.algorithms.ppo as ppo\nPPOConfig = ppo.PPOConfig",
        "from ray.rllib.algorithms import ppo\nPPOConfig = ppo.PPOConfig",
        "import ray.rllib.algorithms.ppo\nPPOConfig = ray.rllib.algorithms.ppo.PPOConfig",
    ],
)
def test_every_way_to_import(read, text):
    found = read(
        f"{text}\n"
        "config = PPOConfig().environment(env='CartPole-v1')\n"
        "config.training(sgd_minibatch_size=64, num_sgd_iter=2, model={'vf_share_layers': True})\n"
        "config = config.training(model={'fcnet_hiddens': [8]}).copy()\n"
        "config.lr = 1e-3\n"
        "config = config.evaluation(evaluation_config=PPOConfig.overrides(explore=False))\n"
        "stop = {'training_iteration': 1}\n"
    )
    assert found.config == {
        "minibatch_size": 64,
        "num_epochs": 2,
        "model": {"vf_share_layers": True, "fcnet_hiddens": [8]},
        "lr": 1e-3,
        "evaluation_config": {"explore": False},
    }
    assert found.stop == {"training_iteration": 1}


def test_a_dictionary_of_ray_1(read):
    found = read(
        "from ray.rllib.agents import a3c\n"
        "config = a3c.DEFAULT_CONFIG.copy()\n"
        "config['env'] = 'CartPole-v0'\n"
        "config['num_workers'] = 3\n"
    )
    assert (found.algorithm, found.env, found.config["num_env_runners"]) == (
        "A3C",
        "CartPole-v0",
        3,
    )


def test_example_environments_at_their_old_path(read):
    found = read(
        "from ray.rllib.algorithms.ppo import PPOConfig\n"
        "from ray.rllib.examples.env.repeat_after_me_env import RepeatAfterMeEnv\n"
        "config = PPOConfig().environment(RepeatAfterMeEnv)\n"
    )
    assert found.env.__name__ == "RepeatAfterMeEnv"


def test_nothing_outlives_the_loading(read):
    modules, finders = set(sys.modules), list(sys.meta_path)
    read(A2C)
    assert sys.meta_path == finders
    assert not {name for name in set(sys.modules) - modules if "a2c" in name or "agents" in name}
    assert sys.modules["ray.rllib.algorithms.ppo"] is real_ppo
    import ray.rllib.algorithms as package

    assert package.ppo is real_ppo
    assert not hasattr(package, "a2c")
    with pytest.raises(ModuleNotFoundError):
        __import__("ray.rllib.algorithms.a2c")


def test_nothing_outlives_a_file_that_fails(read):
    finders = list(sys.meta_path)
    with pytest.raises(RequestError, match="line 2: ZeroDivisionError"):
        read("from ray.rllib.algorithms.pg import PGConfig\n1 / 0\n")
    assert sys.meta_path == finders
    assert sys.modules["ray.rllib.algorithms.ppo"] is real_ppo


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("config.build()", "is the command's part"),
        ("config.rolouts(num_rollout_workers=1)", "has no 'rolouts'"),
        ("config.training(0.1)", "takes named arguments"),
        ("config.multi_agent(policies={'a'})", "multi-agent training is not supported"),
    ],
)
def test_what_a_file_may_not_do(read, line, words):
    text = "from ray.rllib.algorithms.pg import PGConfig\n"
    with pytest.raises(RequestError) as caught:
        read(f"{text}config = PGConfig().environment('CartPole-v1')\n{line}\n")
    assert words in str(caught.value)


def test_without_an_environment_it_is_refused(read):
    with pytest.raises(RequestError, match="env: is missing"):
        read("from ray.rllib.algorithms.pg import PGConfig\nconfig = PGConfig()\n")
