"""Trials are named by what differs, in lines, tables, folders and TensorBoard."""

from __future__ import annotations

import pickle
import re
from types import SimpleNamespace

import pytest

from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.trial_names import TrialNames, short_labels, value_text


def experiment(config, **more):
    return Experiment("e", "PPO", "CartPole-v1", config, {"timesteps_total": 1000}, **more)


def trial(config, number=4):
    return SimpleNamespace(
        trainable_name="PPO",
        trial_id=f"1a2b3_{number:05d}",
        config={"env": "CartPole-v1", **config},
    )


GRID = {"lr": {"grid_search": [0.001, 0.0001]}}
ODD = 'my env/?*:"<>|'
LISTS = {"model": {"fcnet_hiddens": {"grid_search": [[256, 256], [64] * 9]}}}
NESTED = {
    "model": {"scale": {"grid_search": [1, 2]}},
    "env_config": {"scale": {"grid_search": [1, 2]}},
}


@pytest.mark.parametrize(
    ("space", "more", "config", "name", "folder"),
    [
        (GRID, {"seeds": (0, 10)}, {"lr": 0.001, "seed": 3}, "lr=0.001 seed=3", "lr=0.001_seed=03"),
        (GRID, {"seeds": (7,)}, {"lr": 1e-5, "seed": 7}, "lr=1e-05", "lr=1e-05"),
        ({}, {"seeds": (0, 1)}, {"seed": 1}, "seed=1", "seed=1"),
        ({}, {}, {"seed": 1}, "PPO CartPole-v1", "CartPole-v1"),
        ({}, {"num_samples": 3}, {}, "PPO CartPole-v1 #4", "CartPole-v1"),
        (
            LISTS, {}, {"model": {"fcnet_hiddens": [256, 256]}},
            "fcnet_hiddens=[256,256]", "fcnet_hiddens=256-256",
        ),
        (
            NESTED, {}, {"model": {"scale": 1}, "env_config": {"scale": 2}},
            "model.scale=1 env_config.scale=2", "model.scale=1_env_config.scale=2",
        ),
        (
            {"lr": [[0, {"loguniform": [1e-4, 1e-2]}], [9, 0.0]]}, {"num_samples": 8},
            {"lr": [[0, 0.00123456], [9, 0.0]]}, "lr=0.00123", "lr=0.00123",
        ),
        (
            {"gamma": {"choice": [0.9, 0.99]}}, {"num_samples": 8},
            {"gamma": 0.9}, "gamma=0.9 #4", "gamma=0.9",
        ),
        (
            {"lr": 0.1},
            {"scheduler": {"type": "pbt", "perturbation_interval": 10,
                           "hyperparam_mutations": {"lr": {"loguniform": [1e-4, 1e-2]}}},
             "num_samples": 4},
            {"lr": 0.002}, "lr=0.002", "lr=0.002",
        ),
    ],
)  # fmt: skip
def test_names_and_folders(space, more, config, name, folder):
    names = TrialNames.of(experiment(space, **more))
    names = pickle.loads(pickle.dumps(names))  # Tune pickles it with the experiment
    assert names.name(trial(config)) == name
    assert names.folder(trial(config)) == f"PPO_{folder}_1a2b3_00004"


def test_values_that_look_alike_when_shortened_get_numbers():
    long = [[64] * 9 + [1], [64] * 9 + [2]]
    names = TrialNames.of(experiment({"model": {"fcnet_hiddens": {"grid_search": long}}}))
    texts = {names.name(trial({"model": {"fcnet_hiddens": v}}, n)) for n, v in enumerate(long)}
    assert len(texts) == 2
    assert all(len(text) < 50 for text in texts)


def test_folders_are_short_portable_and_keep_seed_and_id():
    space = {f"a_key_with_a_long_name_{n}": {"uniform": [0.0, 1.0]} for n in range(12)}
    names = TrialNames.of(experiment(space, seeds=(2000, 2001)))
    folder = names.folder(trial({**dict.fromkeys(space, 0.5), "seed": 2001}))
    assert re.fullmatch(r"PPO_[A-Za-z0-9_.+=-]+_seed=2001_1a2b3_00004", folder)
    assert len(folder) < 130
    envs = Experiment("e", "PPO", {"grid_search": ["ALE/Pong-v5", ODD]})
    names = TrialNames.of(envs)
    for env in ("ALE/Pong-v5", ODD):
        assert re.fullmatch(r"[A-Za-z0-9_.+=-]+", names.folder(trial({"env": env})))
    assert names.name(trial({"env": "ALE/Pong-v5"})) == "env=Pong-v5"


def test_short_labels_are_unique():
    paths = [("lr", 0, 1), ("lr", 1, 1), ("model", "act"), ("model", "custom", "act"), ("gamma",)]
    assert list(short_labels(paths).values()) == [
        "lr.0.1", "lr.1.1", "model.act", "model.custom.act", "gamma",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"), (1e-5, "1e-05"),
        (0.000123456, "0.000123"), (0.9999, "0.9999"), (0.0, "0"), (1.0, "1"),
        (200_000, "200000"), (True, "true"), (None, "null"), ("tanh", "tanh"), ("v0.5", "v0.5"),
        ("my.envs.Maze", "Maze"), ("ALE/Pong-v5", "Pong-v5"), ([64, 64], "[64,64]"),
        ({"a": 1}, '{"a":1}'), ("x" * 30, "x" * 19 + "…"), (dict, "dict"),
    ],
)  # fmt: skip
def test_values_as_people_write_them(value, text):
    assert value_text(value) == text
