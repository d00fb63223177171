"""What a trial asks for: the same as RLlib requests of Tune, and whether machines have room."""

from __future__ import annotations

import pytest

from rllib_zoo import algorithms
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate
from rllib_zoo.experiments.validation.resources import demand_of, first_without_room


def resolved(algorithm="A2C", **keys):
    config = algorithms.config_class(algorithm)().environment("CartPole-v1")
    return config.update_from_dict(keys)


@pytest.mark.parametrize(
    ("algorithm", "keys", "cpus"),
    [
        ("A2C", {"num_env_runners": 0}, 1),
        ("A3C", {}, 3),
        # The learner lives in the main process and asks for a CPU of its own.
        ("A3C", {"num_cpus_for_main_process": 0}, 3),
        ("A3C", {"num_cpus_per_env_runner": 0.5}, 2),
        ("A2C", {"num_env_runners": 2, "num_cpus_for_main_process": 4}, 6),
        ("A2C", {"num_env_runners": 4, "num_learners": 2}, 7),
        ("A2C", {"num_env_runners": 4, "num_learners": 2, "num_cpus_per_learner": 3}, 11),
        ("A2C", {"num_env_runners": 2, "num_gpus_per_learner": 1}, 3),
        ("A2C", {"num_learners": 2, "num_env_runners": 2, "num_gpus_per_learner": 0.5}, 3),
        ("PPO", {"evaluation_interval": 1, "evaluation_num_env_runners": 3}, 6),
        ("PPO", {"evaluation_num_env_runners": 3, "num_env_runners": 0}, 4),
        ("DQN", {"num_env_runners": 2}, 3),
    ],
)
def test_a_trial_asks_for_what_rllib_requests(algorithm, keys, cpus):
    keys = {"train_batch_size": 320, **keys} if algorithm in ("A2C", "PPO") else keys
    config = resolved(algorithm, **keys)
    asked = demand_of(config)
    request = algorithms.algorithm_class(algorithm).default_resource_request(config.to_dict())
    assert asked.cpus == request.required_resources["CPU"] == cpus
    assert asked.gpus == request.required_resources.get("GPU", 0)


def test_ten_tenths_are_one():
    asked = demand_of(resolved("A3C", num_env_runners=3, num_cpus_per_env_runner=0.1))
    assert asked.cpus == 1.3
    assert asked.room(1.3) == 3


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"num_cpus_per_learner": 0, "num_cpus_for_main_process": 0}, "num_cpus_for_main_process"),
        ({"num_cpus_per_env_runner": 0}, "num_cpus_per_env_runner"),
    ],
)
def test_a_process_that_asks_for_nothing_is_refused(keys, key):
    experiment = Experiment("x", "A3C", "CartPole-v1", keys, {"training_iteration": 1})
    with pytest.raises(
        RequestError, match=f"config.{key}: a process must request CPU or GPU > 0"
    ) as caught:
        validate(experiment, cpus=8.0)
    assert f"{key}: 0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("bundles", "nodes", "lacking"),
    [
        ([{"CPU": 1}] * 4, [{"CPU": 2}, {"CPU": 2}], None),
        ([{"CPU": 1}] * 5, [{"CPU": 2}, {"CPU": 2}], {"CPU": 1}),
        # Enough in all, but no machine has three.
        ([{"CPU": 3}, {"CPU": 1}], [{"CPU": 2}, {"CPU": 2}], {"CPU": 3}),
        # The large one is placed first, so the small ones do not stand in its way.
        ([{"CPU": 1}, {"CPU": 2}], [{"CPU": 2}, {"CPU": 1}], None),
        ([{"CPU": 1, "head": 1}], [{"CPU": 2}], {"CPU": 1, "head": 1}),
        ([{"CPU": 1, "GPU": 0}], [{"CPU": 1}], None),
    ],
)
def test_every_process_needs_one_machine(bundles, nodes, lacking):
    assert first_without_room(bundles, nodes) == lacking
