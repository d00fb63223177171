"""Configurations: contradictions are refused with their numbers, defaults are what they claim."""

import pytest

from rllib_zoo.algorithms import algorithm_class, config_class, names
from rllib_zoo.algorithms.base.schema import OPTIMIZERS
from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic


def config_of(name, **settings):
    return config_class(name)().update_from_dict({"env": "CartPole-v1", **settings})


SMALL_PPO = {"num_env_runners": 0, "num_envs_per_env_runner": 4, "minibatch_size": 20}

# Name → algorithm, settings, and the pieces one sentence must contain.
CONTRADICTIONS = {
    "batch over environments": (
        "A2C",
        {"num_env_runners": 2, "num_envs_per_env_runner": 3, "train_batch_size": 40},
        ["train_batch_size 40", "2 runner(s) × 3 env(s) = 6", "36 or 42"],
    ),
    "batch smaller than the environments": (
        "A2C",
        {"num_env_runners": 0, "num_envs_per_env_runner": 16, "train_batch_size": 8},
        ["train_batch_size 8", "1 runner(s) × 16 env(s) = 16", "16 or 32"],
    ),
    "batch over fragments": (
        "PPO",
        {**SMALL_PPO, "rollout_fragment_length": 30, "train_batch_size": 200},
        ["train_batch_size 200", "4 env(s) × rollout_fragment_length 30 = 120", "120 or 240"],
    ),
    "learners over columns": (
        "PPO",
        {
            "num_env_runners": 0,
            "num_envs_per_env_runner": 3,
            "num_learners": 2,
            "train_batch_size_per_learner": 30,
            "minibatch_size": 10,
        },
        ["3 environment columns", "num_learners 2"],
    ),
    "minibatch over batch": (
        "A2C",
        {"num_env_runners": 0, "minibatch_size": 41},
        ["minibatch_size 41", "(40)"],
    ),
    "minibatch over batch in PPO": (
        "PPO",
        {"num_env_runners": 0, "train_batch_size": 64, "minibatch_size": 128},
        ["128", "64"],
    ),
    "A3C without runners": ("A3C", {"num_env_runners": 0}, ["num_env_runners of 1 or more"]),
    "A3C with learners": ("A3C", {"num_learners": 2}, ["one learner", "num_learners is 2"]),
    "A3C batch and fragment": (
        "A3C",
        {"train_batch_size": 50, "rollout_fragment_length": 20, "num_envs_per_env_runner": 2},
        ["rollout_fragment_length 20 × 2 env(s) = 40", "conflicts with train_batch_size 50"],
    ),
    "A3C auto without a batch": (
        "A3C",
        {"rollout_fragment_length": "auto"},
        ["'auto' requires train_batch_size"],
    ),
    "A3C batch over environments": (
        "A3C",
        {"rollout_fragment_length": "auto", "train_batch_size": 50, "num_envs_per_env_runner": 4},
        ["train_batch_size 50", "4 env(s)", "48 or 52"],
    ),
    "A3C epochs": (
        "A3C",
        {"num_epochs": 4, "minibatch_size": 10},
        ["'num_epochs' is not a key of A3C"],
    ),
    "whole episodes": ("A2C", {"batch_mode": "complete_episodes"}, ["'complete_episodes' is not"]),
    "whole returns of fragments": (
        "PG",
        {"credit": "whole_return"},
        ["'whole_return' requires whole episodes", "batch_mode: complete_episodes"],
    ),
    "whole returns with a critic": (
        "PG",
        {"credit": "whole_return", "batch_mode": "complete_episodes", "use_critic": True},
        ["'whole_return' conflicts with use_critic", "credit: reward_to_go"],
    ),
    "two baselines": (
        "PG",
        {"constant_baseline": True, "use_critic": True},
        ["constant_baseline conflicts with use_critic"],
    ),
    "unknown credit": ("PG", {"credit": "to_go"}, ["'to_go' is unknown", "whole_return"]),
    "length of whole episodes": (
        "PG",
        {"batch_mode": "complete_episodes", "rollout_fragment_length": 50},
        ["rollout_fragment_length 50 does not apply"],
    ),
    "learners of whole episodes": (
        "PG",
        {"batch_mode": "complete_episodes", "num_learners": 2},
        ["supports one learner only", "num_learners is 2"],
    ),
    "memory in whole episodes": (
        "PG",
        {"batch_mode": "complete_episodes", "model": {"use_lstm": True}},
        ["does not support recurrent networks"],
    ),
    "variance with memory": (
        "A2C",
        {"gradient_variance_every": 2, "model": {"use_lstm": True, "max_seq_len": 5}},
        ["gradient_variance_every 2", "use_lstm"],
    ),
    "unknown filter": (
        "A2C",
        {"observation_filter": "MeanStd"},
        ["'MeanStd' is unknown", "NoFilter, MeanStdFilter"],
    ),
    "unknown optimizer": ("A2C", {"optimizer": {"type": "sgd"}}, ["'sgd'", "adam, rmsprop"]),
    "nameless optimizer": ("A2C", {"optimizer": {}}, ["optimizer type", "None", "is unknown"]),
    "optimizer option": (
        "A2C",
        {"optimizer": {"type": "adam", "alpha": 0.9}},
        ["'alpha' is unknown for adam", "epsilon, betas"],
    ),
    "model key": ("A2C", {"model": {"fcnet_hidden": [8]}}, ["'fcnet_hidden'", "'fcnet_hiddens'?"]),
    "previous action": (
        "A2C",
        {"model": {"use_lstm": True, "lstm_use_prev_action": True}},
        ["'lstm_use_prev_action': RLlib's LSTM gets observations only"],
    ),
    "sequence over fragment": (
        "A2C",
        {"model": {"use_lstm": True, "max_seq_len": 6}},
        ["max_seq_len 6", "rollout_fragment_length is 5"],
    ),
    "sequence over fragment, A3C": (
        "A3C",
        {"model": {"use_lstm": True, "max_seq_len": 21}},
        ["max_seq_len 21", "rollout_fragment_length is 20"],
    ),
    "minibatch under sequence": (
        "PPO",
        {
            "model": {"use_lstm": True},
            "minibatch_size": 19,
            "num_env_runners": 0,
            "train_batch_size": 100,
        },
        ["minibatch_size 19", "max_seq_len 20", "whole sequences"],
    ),
    "sequence of no step": ("A2C", {"model": {"use_lstm": True, "max_seq_len": 0}}, ["got 0"]),
    "no cell": ("A2C", {"model": {"use_lstm": True, "lstm_cell_size": 0}}, ["cell_size", "got 0"]),
    "sequences without memory": (
        "A2C",
        {"model": {"max_seq_len": 5}},
        ["max_seq_len has no effect without use_lstm"],
    ),
    "cells without memory": (
        "A2C",
        {"model": {"lstm_cell_size": 5}},
        ["lstm_cell_size has no effect without use_lstm"],
    ),
    "use_lstm in words": ("A2C", {"model": {"use_lstm": "yes"}}, ["true or false, got 'yes'"]),
    "free log std with memory": (
        "A2C",
        {"model": {"use_lstm": True, "free_log_std": True}},
        ["free_log_std is not supported with use_lstm"],
    ),
    "entropy schedule": ("A2C", {"entropy_coeff": [[10, 0.1], [20, 0.0]]}, ["entropy_coeff"]),
    "lr schedule": ("A2C", {"lr": [[10, 0.1], [20, 0.0]]}, ["lr"]),
    "evaluation steps": (
        "A2C",
        {"evaluation_duration": 500, "evaluation_duration_unit": "timesteps"},
        ["500 in timesteps is not supported"],
    ),
    "evaluation auto": (
        "A2C",
        {
            "evaluation_duration": "auto",
            "evaluation_parallel_to_training": True,
            "evaluation_num_env_runners": 1,
        },
        ["'auto' in episodes is not"],
    ),
    "PPO without GAE": ("PPO", {"use_gae": False}, ["not supported without a value"]),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_numbers(case):
    name, settings, pieces = CONTRADICTIONS[case]
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        config_of(name, **settings).validate()
    for piece in pieces:
        assert piece in str(error.value)


@pytest.mark.parametrize(
    ("name", "settings", "fragment", "rounds"),
    [
        ("A2C", {"num_env_runners": 0}, 5, 1),
        ("A2C", {"num_env_runners": 2, "train_batch_size": 80}, 5, 1),
        ("A2C", {"num_env_runners": 0, "rollout_fragment_length": 1}, 1, 5),
        ("PPO", {**SMALL_PPO, "train_batch_size": 240, "rollout_fragment_length": 30}, 30, 2),
        ("A3C", {}, 20, None),
        ("A3C", {"rollout_fragment_length": "auto", "train_batch_size": 30}, 30, None),
    ],
)
def test_fragments_and_rounds_make_up_the_batch(name, settings, fragment, rounds):
    config = config_of(name, **settings)
    config.validate()
    assert config.get_rollout_fragment_length() == fragment
    if rounds is not None:
        assert config.rollouts_per_batch == rounds


@pytest.mark.parametrize("name", names())
def test_defaults_validate_and_build_the_named_algorithm(name):
    settings = {"num_env_runners": 0} if name != "A3C" else {}
    config = config_of(name, **settings)
    config.validate()
    assert config.algo_class is algorithm_class(name)
    assert algorithm_class(name).__name__ == name
    assert type(algorithm_class(name).get_default_config()) is config_class(name)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_key_is_accepted(kind):
    config_of("A2C", num_env_runners=0, optimizer={"type": kind, **OPTIMIZERS[kind]}).validate()


def test_ppo_keeps_the_keys_and_defaults_of_rllib():
    from ray.rllib.algorithms.ppo import PPOConfig

    ours, theirs = config_class("PPO")(), PPOConfig()
    for key in ("lr", "gamma", "lambda_", "clip_param", "vf_clip_param", "kl_coeff", "kl_target"):
        assert getattr(ours, key) == getattr(theirs, key)
    for key in ("num_epochs", "minibatch_size", "entropy_coeff", "vf_loss_coeff", "use_kl_loss"):
        assert getattr(ours, key) == getattr(theirs, key)


def test_a_custom_model_class_becomes_its_path_and_survives_a_copy():
    config = config_of("A2C", num_env_runners=0, model={"custom_model": SharedEncoderActorCritic})
    path = "rllib_zoo.custom_models.actor_critic.SharedEncoderActorCritic"
    for each in (config, config.copy()):
        assert each.model_config["custom_model"] == path
    config.training(model={"custom_model_config": {"activation": "relu"}})
    assert config.model_config["custom_model"] == path  # merged, not replaced


def test_building_a_config_leaves_the_given_dict_alone():
    given = {"env": "CartPole-v1", "model": {"fcnet_hiddens": [8]}, "optimizer": {"type": "adam"}}
    config = config_class("A2C")().update_from_dict(given)
    config.training(model={"vf_share_layers": False})
    config.optimizer["epsilon"] = 1.0
    assert given["model"] == {"fcnet_hiddens": [8]}
    assert given["optimizer"] == {"type": "adam"}


def test_a_class_that_cannot_be_imported_stays_a_class():
    class Local(SharedEncoderActorCritic):
        pass

    config = config_of("A2C", model={"custom_model": Local})
    assert config.model_config["custom_model"] is Local
