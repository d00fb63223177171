"""Settings from Python: a name that nothing reads raises, whichever way it comes in."""

from __future__ import annotations

import pytest
from ray import tune

from rllib_zoo.algorithms import config_class, names
from rllib_zoo.algorithms.base.other_names import OTHER_NAMES, other_name_hint
from rllib_zoo.algorithms.base.schema import keys_of


def error_of(name, settings=None, **others):
    with pytest.raises(ValueError, match=r"key|unknown|effect|choice") as caught:
        config_class(name).from_dict({"env": "CartPole-v1", **(settings or {}), **others})
    return str(caught.value)


@pytest.mark.parametrize("choice", [tune.grid_search, tune.choice])
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("A2C", "optimizer", {"type": "adam"}),
        ("PPO", "lr", 1e-3),
    ],
)
def test_choices_between_values_are_accepted(name, key, value, choice):
    alternatives = choice([value, value])
    assert getattr(config_class(name).from_dict({key: alternatives}), key) == alternatives


def test_the_hint_is_never_the_name_itself():
    assert error_of("DQN", **{"lambda": 0.9}).endswith("is not a key of DQN")


def test_the_builder_refuses_the_old_api_stack():
    config = config_class("PPO")()
    with pytest.raises(ValueError, match="the old API stack is not supported"):
        config.api_stack(enable_rl_module_and_learner=False)
    assert config.api_stack(enable_rl_module_and_learner=True).enable_rl_module_and_learner


@pytest.mark.parametrize("name", names())
def test_an_unknown_key_raises_in_every_algorithm(name):
    assert "'gama' is not a key of" in error_of(name, gama=0.9)
    assert "did you mean 'gamma'?" in error_of(name, gama=0.9)


@pytest.mark.parametrize(
    ("name", "settings", "parts"),
    [
        ("A2C", {"learning_rate": 1e-3}, ["'learning_rate'", "use lr"]),
        ("DDPG", {"learning_rate": 1e-3}, ["use actor_lr and critic_lr"]),
        ("PPO", {"sgd_minibatch_size": 64}, ["use minibatch_size"]),
        ("A2C", {"num_cpus_per_worker": 1}, ["use num_cpus_per_env_runner"]),
        ("DQN", {"evaluation_num_workers": 1}, ["use evaluation_num_env_runners"]),
        ("PPO", {"metrics_smoothing_episodes": 9}, ["use metrics_num_episodes_for_smoothing"]),
        ("PPO", {"enable_rl_module_and_learner": False}, ["the old API stack", "leave it out"]),
        ("A2C", {1: 2}, ["1 is not a key of A2C"]),
        ("PPO", {"model": tune.grid_search([{"use_lstm": True}])}, ["write it inside"]),
        ("DQN", {"replay_buffer_config": tune.choice([{"capacity": 9}])}, ["write it inside"]),
        ("PPO", {"optimizer": tune.choice([{"typ": "adam"}])}, ["did you mean 'type'?"]),
        ("PPO", {"num_gpus": 1}, ["use num_gpus_per_learner"]),
        ("DDPG", {"lr": 5e-4}, ["'lr' has no effect on DDPG"]),
        ("A2C", {"credit": "whole_return"}, ["it belongs to PG"]),
        ("DQN", {"learning_starts": 5}, ["num_steps_sampled_before_learning_starts"]),
        ("A2C", {"horizon": 5}, ["env_config"]),
        ("A2C", {"policies": {"a", "b"}}, ["multi-agent"]),
        ("PPO", {"model": {"fcnet_hidens": [8]}}, ["did you mean 'fcnet_hiddens'?"]),
        ("DQN", {"model": {"fcnet_hidens": [8]}}, ["did you mean 'fcnet_hiddens'?"]),
        ("A2C", {"optimizer": {"epsilom": 1e-5}}, ["optimizer:", "did you mean 'epsilon'?"]),
        ("DQN", {"replay_buffer_config": {"capcity": 9}}, ["did you mean 'capacity'?"]),
        ("DDPG", {"exploration_noise": {"sigm": 1}}, ["did you mean 'sigma'?"]),
        ("PPO", {"evaluation_config": {"explor": True}}, ["evaluation_config:", "'explore'?"]),
        (
            "PPO",
            {"evaluation_config": {"model": {"fcnet_hidens": []}}},
            ["evaluation_config:", "did you mean 'fcnet_hiddens'?"],
        ),
    ],
)  # fmt: skip
def test_the_message_names_the_key_that_was_meant(name, settings, parts):
    message = error_of(name, settings)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize("name", names())
def test_the_builder_raises_too(name):
    with pytest.raises(ValueError, match="did you mean 'gamma'"):
        config_class(name)().training(gama=0.9)
    with pytest.raises(ValueError, match="'num_atms' is not a key"):
        config_class(name)().training(num_atms=5)


@pytest.mark.parametrize("name", names())
def test_what_rllib_and_tune_set_themselves_is_accepted(name):
    config = config_class(name)().environment("CartPole-v1")
    whole = config.to_dict()
    again = config_class(name).from_dict({**whole, "__trial_info__": None})
    assert again.to_dict().keys() == whole.keys()
    # RLlib reads it, and a value that changes nothing is no mistake.
    given = {"log_sys_usage": False, "num_gpus": 0, "env_config": {"anything": 1}}
    assert config_class(name).from_dict(given).env_config == {"anything": 1}
    assert "'gama'" in error_of(name, **{**whole, "gama": 1})


def test_a_subclass_has_the_attributes_that_it_adds():
    class Own(config_class("PPO")):
        def __init__(self, algo_class=None):
            super().__init__(algo_class)
            self.bonus = 0.0

    assert Own.from_dict({"bonus": 2.0}).bonus == 2.0
    with pytest.raises(ValueError, match="bonuss"):
        Own.from_dict({"bonuss": 2.0})


@pytest.mark.parametrize("name", names())
def test_other_libraries_names_lead_to_keys_that_exist(name):
    supported = keys_of(name)
    for other, (keys, _) in OTHER_NAMES.items():
        for key in keys:
            parts = [part for part in key.split(" and ") if not part.startswith("stop")]
            algorithms_with = [n for n in names() if all(p in keys_of(n) for p in parts)]
            assert algorithms_with or key == "env", (other, key)
        assert other not in supported or other_name_hint(other, supported, name)
    for key in ("custom_loss", "loss_fn", "policy_class"):
        assert other_name_hint(key, supported, name).startswith(
            "a loss is custom_loss() of a custom_model"
        )
    assert other_name_hint("clip_range", supported, name) == (
        "use clip_param" if "clip_param" in supported else f"{name} has no such setting"
    )


def test_tuner_refuses_before_a_trial_starts(ray_session, tmp_path):
    space = {"env": "CartPole-v1", "learning_rate": tune.grid_search([1e-3, 1e-2])}
    run = tune.RunConfig(stop={"training_iteration": 1}, storage_path=str(tmp_path), verbose=0)
    with pytest.raises(Exception, match="'learning_rate' is not a key of A2C; use lr"):
        tune.Tuner("A2C", param_space=space, run_config=run).fit()
