"""A trial in the process of another one has the results of a new process."""

import random
import threading
import time

import numpy as np
import pytest
import torch
from algorithm_fixtures import TINY_MODEL

from rllib_zoo.algorithms import config_class

pytestmark = pytest.mark.ray
SMALL = {"num_env_runners": 0, "num_envs_per_env_runner": 4, "log_sys_usage": False}
ON_POLICY = {**SMALL, "env": "CartPole-v1", "model": TINY_MODEL, "train_batch_size": 64}
CONFIGS = {
    "A2C": ON_POLICY,
    "PPO": {**ON_POLICY, "minibatch_size": 32, "observation_filter": "MeanStdFilter"},
    "PG": ON_POLICY,
    "DDPG": {
        **SMALL,
        "env": "Pendulum-v1",
        "num_steps_sampled_before_learning_starts": 64,
        "min_sample_timesteps_per_iteration": 100,
    },
}


def config(name, **changes):
    return config_class(name)().update_from_dict({**CONFIGS[name], **changes})


def trained(algo):
    """The weights after two iterations, as bytes, and the episodes' mean returns."""
    means = [algo.train()["env_runners"].get("episode_return_mean") for _ in range(2)]
    weights = algo.learner_group.get_weights()["default_policy"]
    return {name: np.asarray(value).tobytes() for name, value in weights.items()}, means


@pytest.mark.parametrize("name", CONFIGS)
def test_reset_equals_a_new_process(name, make_algo):
    expected = trained(make_algo(config(name, seed=3)))
    algo = make_algo(config(name, seed=4))
    assert trained(algo) != expected
    assert algo.reset({**CONFIGS[name], "seed": 3})
    assert algo.iteration == 0
    assert trained(algo) == expected


def test_without_a_seed_the_trial_before_leaves_none(make_algo):
    algo = make_algo(config("A2C", seed=3))
    drawn = set()
    for _ in range(2):
        torch.manual_seed(3)
        random.seed(3)
        assert algo.reset(dict(ON_POLICY))
        drawn |= {torch.rand(1).item(), random.random()}
    assert len(drawn) == 4


def test_no_thread_is_left_behind(make_algo):
    algo = make_algo(config("A2C", log_sys_usage=True))
    before = threading.active_count()
    for _ in range(3):
        assert algo.reset({**ON_POLICY, "log_sys_usage": True})
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert threading.active_count() <= before
