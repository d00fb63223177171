"""The configuration in results: with every one, as RLlib's, or with the first alone."""

from __future__ import annotations

import pickle

import pytest
from algorithm_fixtures import SMALL_DQN, small_config

from rllib_zoo.algorithms import config_class

pytestmark = pytest.mark.ray


def small(name, **settings):
    if name == "DQN":
        short = {**SMALL_DQN, "min_sample_timesteps_per_iteration": 20}
        return config_class(name)().update_from_dict({"env": "CartPole-v1", **short, **settings})
    return small_config(name, **settings)


def test_without_the_key_every_result_repeats_the_configuration(make_algo):
    algo = make_algo(small("A2C", lr=2e-3))
    assert [algo.train()["config"]["lr"] for _ in range(2)] == [2e-3, 2e-3]


@pytest.mark.parametrize("name", ["A2C", "DQN"])
def test_with_it_the_first_result_alone_has_one(make_algo, name):
    algo = make_algo(small(name, lr=2e-3, config_in_every_result=False))
    first, *others = (algo.train() for _ in range(3))
    assert first["config"]["lr"] == 2e-3
    assert [set(first) - set(other) for other in others] == [{"config"}, {"config"}]
    # What the command's process keeps of every result.
    assert len(pickle.dumps(others[-1])) < 0.5 * len(pickle.dumps(first))


def test_a_new_trainer_sends_its_own(make_algo, tmp_path):
    algo = make_algo(small("A2C", config_in_every_result=False))
    algo.train()
    algo.save_to_path(str(tmp_path / "saved"))
    again = make_algo(small("A2C", lr=5e-3, config_in_every_result=False))
    again.restore_from_path(str(tmp_path / "saved"))
    assert again.train()["config"]["lr"] == 5e-3
