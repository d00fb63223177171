"""Fewer CPUs or GPUs than asked for: fewer runners, the same batch, and a note."""

from __future__ import annotations

import pytest

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate
from rllib_zoo.experiments.validation.fit_resources import fit_resources


def changed(algorithm="PPO", cpus=2, gpus=0, **config):
    """The keys that fitting changed, and what it said."""
    experiment = Experiment("x", algorithm, "CartPole-v1", config)
    defaults = algorithms.config_class(algorithm)()
    found = fit_resources(experiment, defaults, cpus, gpus)
    new = {key: value for key, value in found.config.items() if config.get(key) != value}
    return new, list(found.notes)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"num_env_runners": 32, "num_envs_per_env_runner": 5},
            {
                "num_env_runners": 1,
                "num_envs_per_env_runner": 160,
                "sample_timeout_s": 1920,
            },
        ),
        (
            {"cpus": 7, "num_env_runners": 10, "num_envs_per_env_runner": 5},
            {"num_env_runners": 5, "num_envs_per_env_runner": 10, "sample_timeout_s": 120},
        ),
        (
            {"cpus": 1, "num_env_runners": 4},
            {"num_env_runners": 0, "num_envs_per_env_runner": 4},
        ),
        (
            {"num_env_runners": 16, "num_envs_per_env_runner": {"grid_search": [16, 32]}},
            {
                "num_env_runners": 1,
                "num_envs_per_env_runner": {"grid_search": [256, 512]},
                "sample_timeout_s": 960,
            },
        ),
        (
            {"num_env_runners": {"grid_search": [2, 4]}},
            {"num_env_runners": 1, "sample_timeout_s": 240},
        ),
        (
            {"cpus": 4, "num_env_runners": {"grid_search": [1, 4, 8]}},
            {"num_env_runners": {"grid_search": [1, 2]}, "sample_timeout_s": 240},
        ),
        ({"cpus": 9, "num_env_runners": {"grid_search": [4, 8]}}, {}),
        ({"cpus": 33, "num_env_runners": 32}, {}),
        ({"cpus": None, "num_env_runners": 32}, {}),
        ({"num_env_runners": 1}, {}),
        ({"num_gpus_per_learner": 1, "num_env_runners": 1}, {"num_gpus_per_learner": 0}),
        ({"gpus": 1, "num_gpus_per_learner": 1, "num_env_runners": 1}, {}),
        (
            {"num_learners": 4, "num_gpus_per_learner": 1, "num_env_runners": 1},
            {"num_learners": 0, "num_gpus_per_learner": 0},
        ),
        (
            {"gpus": 1, "num_learners": 4, "num_gpus_per_learner": 1, "num_env_runners": 1},
            {"num_learners": 0},
        ),
        ({"num_gpus_per_env_runner": 0.1, "num_env_runners": 1}, {"num_gpus_per_env_runner": 0}),
        (
            {"cpus": 1, "num_env_runners": 0, "num_cpus_for_main_process": 2},
            {"num_cpus_for_main_process": 1},
        ),
        ({"num_env_runners": 0, "num_cpus_for_main_process": 2}, {}),
        (
            {"num_learners": 1, "num_env_runners": 0, "num_cpus_for_main_process": 2},
            {"num_cpus_for_main_process": 1},
        ),
        (
            {"cpus": 1, "num_env_runners": 4, "num_cpus_for_main_process": 2},
            {
                "num_env_runners": 0,
                "num_envs_per_env_runner": 4,
                "num_cpus_for_main_process": 1,
            },
        ),
    ],
)
def test_what_does_not_fit_is_made_to(given, expected):
    new, notes = changed(**given)
    assert new == expected
    assert len(notes) == (1 if expected else 0)
    assert all(f"{key} {new[key]} instead of" in notes[0] for key in expected)


def test_a3c_gives_all_cores_to_its_runners():
    new, _ = changed("A3C", num_env_runners=16)
    assert new == {
        "num_env_runners": 2,
        "num_cpus_per_env_runner": 0.5,
    }


def test_the_batch_stays_the_same():
    new, _ = changed(num_env_runners=6, num_envs_per_env_runner=7, cpus=5)
    assert new["num_env_runners"] * new["num_envs_per_env_runner"] == 42
    assert new["num_env_runners"] == 3


def test_a_grid_of_environments_per_runner_is_merged_too():
    grid = {"grid_search": [16, 32]}
    new, notes = changed(num_env_runners=16, num_envs_per_env_runner=grid)
    assert new["num_env_runners"] == 1
    assert new["num_envs_per_env_runner"] == {"grid_search": [256, 512]}
    assert "num_env_runners 1 instead of 16" in notes[0]


def test_what_stays_is_not_spoken_of():
    _, notes = changed(cpus=1, num_env_runners=1)
    assert notes == ["fitted to the available resources: num_env_runners 0 instead of 1"]


def test_a_grid_of_runners_is_capped():
    new, notes = changed("A3C", num_env_runners={"grid_search": [1, 8, 16]})
    assert new == {
        "num_env_runners": {"grid_search": [1, 2]},
        "num_cpus_per_env_runner": 0.5,
    }
    assert "num_env_runners {'grid_search': [1, 2]} instead of" in notes[0]


def test_grids_ask_for_no_gpu_that_is_not_there():
    runners = {"grid_search": [1, 2]}
    new, _ = changed("A3C", num_env_runners=runners, num_gpus_per_env_runner=0.5)
    assert new == {
        "num_gpus_per_env_runner": 0,
        "num_cpus_per_env_runner": 0.5,
    }
    new, _ = changed(num_gpus_per_learner={"grid_search": [0, 2]}, num_env_runners=1)
    assert new == {"num_gpus_per_learner": 0}


def test_other_grids_are_left_to_the_check():
    assert changed(num_learners={"grid_search": [8, 16]}) == ({}, [])


EVALUATING = {"evaluation_interval": 1, "evaluation_num_env_runners": 2}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"num_env_runners": 1, **EVALUATING}, {"evaluation_num_env_runners": 0}),
        ({"cpus": 3, "num_env_runners": 1, **EVALUATING}, {"evaluation_num_env_runners": 1}),
        ({"cpus": 4, "num_env_runners": 1, **EVALUATING}, {}),
        # RLlib starts them even if nothing is ever evaluated.
        (
            {"num_env_runners": 1, "evaluation_num_env_runners": 2},
            {"evaluation_num_env_runners": 0},
        ),
        (
            {
                "num_env_runners": 1,
                "evaluation_interval": 1,
                "evaluation_num_env_runners": {"grid_search": [1, 2]},
            },
            {"evaluation_num_env_runners": 0},
        ),
        (
            {"num_env_runners": 2, **EVALUATING},
            {
                "evaluation_num_env_runners": 0,
                "num_env_runners": 1,
                "num_envs_per_env_runner": 2,
                "sample_timeout_s": 120,
            },
        ),
    ],
)
def test_runners_that_evaluate_go_first(given, expected):
    new, notes = changed(**given)
    assert new == expected
    assert len(notes) == (1 if expected else 0)


def test_the_check_counts_runners_that_evaluate():
    config = {"num_env_runners": 1, "train_batch_size": 200, "minibatch_size": 100, **EVALUATING}
    experiment = Experiment("x", "PPO", "CartPole-v1", config, {"training_iteration": 1})
    with pytest.raises(RequestError, match="needs 4 CPUs, 2 available"):
        validate(experiment, cpus=2.0)
    validate(experiment, cpus=4.0)
