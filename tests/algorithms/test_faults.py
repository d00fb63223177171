"""Synchronous training when runners die, environments raise and numbers break."""

import os
import signal
import time

import numpy as np
import pytest
import ray

from envs.probes import ConstantReward

pytestmark = pytest.mark.ray

SIZES = {"num_envs_per_env_runner": 4, "rollout_fragment_length": 10}


class NotANumber(ConstantReward):
    """The reward of its 30th step is not a number."""

    steps = 0

    def step(self, action):
        self.steps += 1
        obs, reward, *rest = super().step(action)
        return obs, float("nan") if self.steps == 30 else reward, *rest


class Raising(ConstantReward):
    """Raises at every step."""

    def step(self, action):
        raise OSError("the simulator is gone")


def train(algo, iterations):
    return [algo.train() for _ in range(iterations)]


def weights(algo):
    return algo.learner_group.get_weights()["default_policy"]


@pytest.mark.parametrize(
    ("name", "num_learners"),
    [("A2C", 0), ("PPO", 0), pytest.param("PPO", 1, marks=pytest.mark.slow)],
)
def test_a_reward_that_is_not_a_number_stops_training(make_algo, make_config, name, num_learners):
    batch = {"train_batch_size": 40, "minibatch_size": None, "num_learners": num_learners}
    algo = make_algo(make_config(name, NotANumber, **SIZES, **batch))
    with pytest.raises(Exception, match=r"gradient norm is nan at environment step \d+") as error:
        train(algo, 20)
    # A remote learner's error comes wrapped, and the learner is out of service then.
    assert isinstance(error.value, FloatingPointError | ray.exceptions.RayTaskError)
    if num_learners == 0:
        assert all(np.isfinite(value).all() for value in weights(algo).values())


def test_a_killed_runner_comes_back_and_training_goes_on(make_algo, make_config):
    sizes = {"num_env_runners": 2, "train_batch_size": 80, "minibatch_size": 40}
    algo = make_algo(make_config("PPO", "Pendulum-v1", **SIZES, **sizes))
    assert train(algo, 1)[0]["env_runners"]["num_env_steps_sampled"] == 80

    def pids():
        group = algo.env_runner_group
        return group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False)

    before = pids()
    os.kill(before[0], signal.SIGKILL)
    # Whoever is left fills its half, until the new process is up; how soon the machine decides.
    sampled, deadline = [0], time.monotonic() + 120
    while sampled[-1] <= 40 and time.monotonic() < deadline:
        sampled.append(algo.train()["env_runners"]["num_env_steps_sampled"])
    # A little less where an episode ends: the step that resets an environment is none of the policy's.
    assert 40 < sampled[-1] <= 80
    after = pids()
    assert before[1] in after
    assert before[0] not in after
    last = algo.train()
    assert (
        last["timesteps_total"] == 80 + sum(sampled) + last["env_runners"]["num_env_steps_sampled"]
    )
    theirs = algo.env_runner_group.foreach_env_runner(
        lambda runner: runner.module.get_state(), local_env_runner=False
    )
    mine = weights(algo)
    for state in theirs:
        assert all(np.array_equal(state[key], mine[key]) for key in mine)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A2C", "A3C"])
def test_environments_that_only_raise_end_training_with_an_error(make_algo, make_config, name):
    runners = {"num_env_runners": 1, "sample_timeout_s": 3.0}
    batch = {"train_batch_size": 40}
    # By default RLlib waits a minute before it ends the failed process.
    config = make_config(name, Raising, **SIZES, **runners, **batch)
    algo = make_algo(config.fault_tolerance(delay_between_env_runner_restarts_s=0.0))
    with pytest.raises(RuntimeError, match=r"sample_timeout_s 3\.0"):
        train(algo, 3)


def test_an_environment_that_raises_in_this_process_is_heard(make_algo, make_config):
    algo = make_algo(make_config("A2C", Raising, **SIZES, train_batch_size=40))
    with pytest.raises(OSError, match="the simulator is gone"):
        algo.train()
