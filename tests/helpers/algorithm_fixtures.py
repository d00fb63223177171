"""Builders for real runners, learners and algorithms, closed when a test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.learner.learner import learner_batch

TINY_MODEL = {"fcnet_hiddens": [16], "fcnet_activation": "tanh"}
# A DQN that learns at the end of its first iteration.
SMALL_DQN = {
    "model": {"fcnet_hiddens": [16]},
    "hiddens": [8],
    "num_steps_sampled_before_learning_starts": 100,
    "rollout_fragment_length": 10,
    "min_sample_timesteps_per_iteration": 120,
    "log_sys_usage": False,
    "seed": 0,
}


def small_config(name, env="CartPole-v1", **settings):
    """A seeded configuration with a network of 16 units; A2C and PPO sample in this process."""
    # RLlib's monitor of the machine's load takes 0.7 seconds to stop.
    defaults = {"seed": 0, "model": TINY_MODEL, "log_sys_usage": False}
    given = {"env": env, **defaults, **settings}
    if name == "DDPG":  # has networks of its own
        del given["model"]
    if name != "A3C":
        given.setdefault("num_env_runners", 0)
    if name in ("A2C", "PG"):  # an iteration is a batch
        given.setdefault("min_sample_timesteps_per_iteration", 0)
    return config_class(name)().update_from_dict(given)


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """Runners and learners set torch's precision for the whole process."""
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.fixture
def make_config():
    return small_config


@pytest.fixture
def make_runner():
    """A VectorEnvRunner by configuration keys; no Ray."""
    runners = []

    def make(env="CartPole-v1", *, worker_index=0, name="A2C", evaluation=False, **settings):
        config = small_config(name, env, **settings)
        config.in_evaluation = evaluation
        runners.append(VectorEnvRunner(config=config, worker_index=worker_index, num_workers=0))
        return runners[-1]

    yield make
    for runner in runners:
        runner.stop()


@pytest.fixture
def make_learner():
    """A local learner for the spaces of a runner; no Ray."""

    def make(runner, name="PPO", *, learner=None, **settings):
        config = small_config(name, runner.config.env, **settings)
        if learner is not None:
            config.learners(learner_class=learner)
        config.validate()
        return config.build_learner(spaces=runner.get_spaces())

    return make


@pytest.fixture
def update():
    """One update of a local learner on a rollout."""

    def run(learner, rollout, timestep=0):
        return learner.update(
            training_data=TrainingData(batch=learner_batch(rollout)),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: timestep},
        )

    return run


@pytest.fixture
def make_algo(ray_session):
    """A built Algorithm, stopped when the test ends."""
    algos = []

    def make(config):
        algos.append(config.build_algo())
        return algos[-1]

    yield make
    for algo in algos:
        algo.stop()
