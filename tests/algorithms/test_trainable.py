"""Algorithms as the process that runs Tune registers them: by name, with the resources of a trial."""

from __future__ import annotations

import pytest
from ray.tune.registry import get_trainable_cls

from rllib_zoo import algorithms
from rllib_zoo.algorithms.trainable import register_for_tune

BATCH = {"env": "CartPole-v1", "train_batch_size": 48}
CONFIGS = [{**BATCH, "num_env_runners": number} for number in (0, 2)]


@pytest.fixture
def requests(ray_session):
    algorithm = algorithms.algorithm_class("A2C")
    yield [algorithm.default_resource_request(config) for config in CONFIGS]
    algorithms.register()


def test_a_trial_has_the_resources_of_its_configuration(requests):
    assert [request.required_resources["CPU"] for request in requests] == [1, 3]
    register_for_tune("A2C", requests)
    swept = get_trainable_cls("A2C")
    assert [swept.default_resource_request(config) for config in CONFIGS] == requests
    register_for_tune("A2C", requests[1:] * 2)
    assert get_trainable_cls("A2C").default_resource_request({}) == requests[1]


def test_an_algorithm_passes_on_what_tune_calls(requests):
    register_for_tune("A2C", requests[:1])
    config = {**CONFIGS[0], "model": {"fcnet_hiddens": [4]}}
    remote, algorithm = get_trainable_cls("A2C")(config), algorithms.algorithm_class("A2C")(config)
    assert repr(remote) == repr(algorithm)
    result, expected = remote.train(), algorithm.train()
    assert result.keys() == expected.keys()
    # RLlib's classes are data, as in result.json.
    assert isinstance(expected["config"]["callbacks"], type)
    assert result["config"]["callbacks"] == str(expected["config"]["callbacks"])
    assert result["config"]["lr"] == expected["config"]["lr"]
    remote.stop()
    algorithm.stop()
