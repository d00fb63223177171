"""Python files of RLlib's own configuration classes: read unchanged, and nothing outlives it."""

from __future__ import annotations

import sys

import pytest
import ray.rllib.algorithms.ppo as real_ppo
from ray.tune import registry

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.validation.check import validate

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


def test_a_builder_of_a_legacy_algorithm(read):
    experiment = read(A2C)
    assert (experiment.name, experiment.algorithm, experiment.env) == (
        "course",
        "A2C",
        "CartPole-v1",
    )
    assert experiment.config["lr"] == 0.001
    assert experiment.config["train_batch_size"] == 20
    assert experiment.config["num_env_runners"] == 0
    assert "framework" not in experiment.config
    assert experiment.config["grad_clip"] == pytest.approx(40 / 20)


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
    experiment = read(
        f"{text}\n"
        "config = PPOConfig().environment(env='CartPole-v1')\n"
        "config.training(sgd_minibatch_size=64, num_sgd_iter=2, model={'vf_share_layers': True})\n"
        "config = config.training(model={'fcnet_hiddens': [8]}).copy()\n"
        "config.lr = 1e-3\n"
        "config = config.evaluation(evaluation_config=PPOConfig.overrides(explore=False))\n"
        "stop = {'training_iteration': 1}\n"
    )
    assert experiment.config == {
        "minibatch_size": 64,
        "num_epochs": 2,
        "model": {"vf_share_layers": True, "fcnet_hiddens": [8]},
        "lr": 1e-3,
        "evaluation_config": {"explore": False},
    }
    assert experiment.stop == {"training_iteration": 1}


def test_a_dictionary_of_ray_1(read):
    experiment = read(
        "from ray.rllib.agents import a3c\n"
        "config = a3c.DEFAULT_CONFIG.copy()\n"
        "config['env'] = 'CartPole-v0'\n"
        "config['num_workers'] = 3\n"
    )
    assert (experiment.algorithm, experiment.env, experiment.config["num_env_runners"]) == (
        "A3C",
        "CartPole-v0",
        3,
    )


def test_a_dictionary_of_ray_1_has_ray_1s_defaults(read):
    lines = "config.update(env='CartPole-v0')\n"
    old = read(f"from ray.rllib.agents import a3c\nconfig = a3c.A2C_DEFAULT_CONFIG.copy()\n{lines}")
    assert old.config["rollout_fragment_length"] == 20
    new = "from ray.rllib.algorithms.a2c import A2CConfig\nconfig = A2CConfig().to_dict()\n"
    assert "rollout_fragment_length" not in read(f"{new}{lines}").config


def test_example_environments_at_their_old_path(read):
    experiment = read(
        "from ray.rllib.algorithms.ppo import PPOConfig\n"
        "from ray.rllib.examples.env.repeat_after_me_env import RepeatAfterMeEnv\n"
        "config = PPOConfig().environment(RepeatAfterMeEnv)\n"
    )
    assert experiment.env.__name__ == "RepeatAfterMeEnv"


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
    ("line", "message"),
    [
        ("config.build()", "config.build() is not allowed in a config file"),
        ("config.rolouts(num_rollout_workers=1)", "has no 'rolouts'"),
        ("config.training(0.1)", "takes only keyword arguments"),
        ("config.multi_agent(policies={'a'})", "multi-agent training is not supported"),
    ],
)
def test_what_a_file_may_not_do(read, line, message):
    text = "from ray.rllib.algorithms.pg import PGConfig\n"
    with pytest.raises(RequestError) as caught:
        read(f"{text}config = PGConfig().environment('CartPole-v1')\n{line}\n")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "from ray.rllib.algorithms import PPOConfig",
        "from ray.rllib.algorithms.ppo.ppo import PPOConfig",
        "from ray.rllib.agents.ppo import PPOTrainer\nPPOConfig = PPOTrainer.get_default_config",
        "from ray.rllib.ppo import PPOConfig",
    ],
)
def test_every_place_rllib_kept_its_classes_at(read, text):
    experiment = read(f"{text}\nconfig = PPOConfig().environment('CartPole-v1')\n")
    assert experiment.algorithm == "PPO"


def test_ppo_of_a_package_is_rllibs_again(read):
    import ray.rllib.algorithms as package

    real = package.PPOConfig
    read("from ray.rllib.algorithms import PPOConfig\nconfig = PPOConfig().environment('x')\n")
    assert package.PPOConfig is real


PPO = "from ray.rllib.algorithms.ppo import PPO, PPOConfig\nconfig = PPOConfig()"


@pytest.mark.parametrize(
    ("lines", "call"),
    [
        ("import ray\nray.init()", "ray.init()"),
        ("from ray import tune\ntune.run('PPO')", "tune.run()"),
        ("from ray import tune\ntune.Tuner('PPO', param_space=config).fit()", "tune.Tuner()"),
        ("from ray.tune import run_experiments as go\ngo({})", "tune.run_experiments()"),
        ("config.build().train()", "config.build()"),
        ("PPO(config=config)", "PPO()"),
    ],
)
def test_a_file_that_trains_by_itself_is_refused(read, lines, call):
    with pytest.raises(RequestError) as caught:
        read(f"{PPO}.environment('CartPole-v1')\n{lines}\n")
    assert f"{call} is not allowed in a config file; define 'config' and 'stop'" in str(
        caught.value
    )
    assert ": line " in str(caught.value)


def test_what_stands_below_main_is_not_run(read):
    main = "if __name__ == '__main__':\n    import ray\n    ray.init()\n"
    assert read(f"{PPO}.environment('CartPole-v1')\n{main}").algorithm == "PPO"


def test_options_of_the_files_own_command_line_have_their_defaults(read, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rllib", "train", "file", "x.py", "--dry-run"])
    lines = "import argparse\nparser = argparse.ArgumentParser()\n"
    lines += "parser.add_argument('--gamma', type=float, default=0.5)\nargs = parser.parse_args()\n"
    experiment = read(f"{lines}{PPO}.environment('CartPole-v1').training(gamma=args.gamma)\n")
    assert experiment.config["gamma"] == 0.5
    assert sys.argv[0] == "rllib"


def test_tuples_and_nested_defaults_become_plain_data(read):
    experiment = read(
        f"import numpy as np\n{PPO}.environment('CartPole-v1').training(lr=[(0, 1e-3), (10, 0.0)])\n"
        "config['model']['fcnet_hiddens'] = (4, 4)\nconfig.gamma = np.float64(0.5)\n"
    )
    assert experiment.config == {
        "lr": [[0, 1e-3], [10, 0.0]],
        "model": {"fcnet_hiddens": [4, 4]},
        "gamma": 0.5,
    }
    assert type(experiment.config["gamma"]) is float


def test_rllibs_description_of_a_network(read):
    experiment = read(
        "from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig\n"
        f"{PPO}.environment('CartPole-v1')\n"
        "config.rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[4], use_lstm=True))\n"
    )
    assert experiment.config["model"] == {
        "fcnet_hiddens": [4],
        "use_lstm": True,
        "vf_share_layers": True,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import ray.rllib.agents.trainer", "only DEFAULT_CONFIG of"),
        ("import ray.rllib.agents.registry", "only DEFAULT_CONFIG of"),
        ("from ray.rllib.utils.nowhere import x", "only PPOConfig of"),
        ("import gym", "use gymnasium instead of gym"),
    ],
)
def test_modules_that_are_gone(read, line, message):
    with pytest.raises(RequestError) as caught:
        read(f"{line}\n{PPO}.environment('CartPole-v1')\n")
    assert message in str(caught.value)


def test_an_environment_that_the_file_registers(read):
    experiment = read(
        "import gymnasium\nfrom ray.tune.registry import register_env\n"
        "register_env('of_the_file', lambda options: gymnasium.make('CartPole-v1'))\n"
        f"{PPO}.environment('of_the_file', env_config={{'x': 1}})\nstop = {{'training_iteration': 1}}\n"
    )
    assert validate(experiment).config.env == "of_the_file"


def test_a_module_named_like_an_algorithm_is_not_hidden(read, tmp_path, monkeypatch):
    (tmp_path / "ppo.py").write_text("gamma = 0.25\n")
    monkeypatch.syspath_prepend(tmp_path)
    experiment = read(f"import ppo\n{PPO}.environment('x').training(gamma=ppo.gamma)\n")
    assert experiment.config["gamma"] == 0.25
    del sys.modules["ppo"]


def test_without_an_environment_it_is_refused(read):
    with pytest.raises(RequestError, match="env: is missing"):
        read("from ray.rllib.algorithms.pg import PGConfig\nconfig = PGConfig()\n")


@pytest.mark.parametrize("copy", ["base.copy()", "base.to_dict()", "deepcopy(base)"])
@pytest.mark.parametrize(
    "base",
    [
        'PPOConfig().environment("CartPole-v1").training(model={"fcnet_hiddens": [64]})',
        'ppo.DEFAULT_CONFIG.copy(); base.update(env="CartPole-v1", model={"fcnet_hiddens": [64]})',
    ],
)
def test_a_copy_is_independent(read, base, copy):
    if "DEFAULT" in base and "to_dict" in copy:
        return
    experiment = read(
        "from copy import deepcopy\n"
        "from ray.rllib.algorithms import ppo\n"
        "from ray.rllib.algorithms.ppo import PPOConfig\n"
        f"base = {base}\n"
        f"other = {copy}\n"
        'model = other["model"]\n'
        'model["use_lstm"] = True\n'
        'model["fcnet_hiddens"].append(8)\n'
        "config = base\n"
    )
    assert experiment.config["model"] == {"fcnet_hiddens": [64]}


def test_tunes_registry_gives_the_recorder(read):
    real = registry.get_trainable_cls
    experiment = read(
        "from ray.tune.registry import get_trainable_cls\n"
        'config = get_trainable_cls("PPO").get_default_config()\n'
        'config = config.environment("CartPole-v1").rollouts(num_rollout_workers=1)\n'
    )
    assert (experiment.algorithm, experiment.config["num_env_runners"]) == ("PPO", 1)
    assert registry.get_trainable_cls is real


def test_nested_settings_can_be_updated_before_they_are_set(read):
    experiment = read(
        "from ray.rllib.algorithms.dqn.dqn import DQNConfig\n"
        'config = DQNConfig().environment("CartPole-v1")\n'
        'buffer = config.replay_buffer_config.update({"capacity": 99})\n'
        'explore = config.exploration_config.update({"epsilon_timesteps": 7})\n'
        "config.training(replay_buffer_config=buffer)\n"
        "config.exploration(exploration_config=explore)\n"
    )
    assert experiment.config["replay_buffer_config"] == {"capacity": 99}
    assert experiment.config["epsilon"] == [[0, 1.0], [7, 0.02]]


def test_a_plain_dict_names_no_algorithm(read):
    with pytest.raises(
        RequestError, match="config: is a plain dict, which does not name an algorithm"
    ):
        read('config = {"env": "CartPole-v1", "num_workers": 2}\n')


def test_a_horizon_on_an_environment_of_the_files_own(read):
    text = (
        "from ray.tune.registry import register_env\n"
        "from ray.rllib.algorithms.ppo import PPOConfig\n"
        'register_env("mine", lambda options: None)\n'
        'config = PPOConfig().environment("mine").rollouts(horizon=100)\n'
    )
    with pytest.raises(
        RequestError, match=r"config\.horizon: cannot limit 'mine', which is not a gymnasium id"
    ):
        read(text)
