"""Synchronous training when runners die, environments raise and numbers break."""

import os
import re
import signal
import time

import faulty_envs
import numpy as np
import pytest
import ray
from ray import cloudpickle

from rllib_zoo.envs import EnvironmentFault
from rllib_zoo.envs.probes import ConstantReward

pytestmark = pytest.mark.ray

cloudpickle.register_pickle_by_value(faulty_envs)
SIZES = {"num_envs_per_env_runner": 4, "rollout_fragment_length": 10}


class Huge(ConstantReward):
    """From its 31st step on, rewards whose squares are no float32."""

    steps = 0

    def step(self, action):
        self.steps += 1
        obs, reward, *rest = super().step(action)
        return obs, 1e30 if self.steps > 30 else reward, *rest


def train(algo, iterations):
    return [algo.train() for _ in range(iterations)]


def weights(algo):
    return algo.learner_group.get_weights()["default_policy"]


@pytest.mark.parametrize(
    ("name", "num_learners"),
    [("A2C", 0), ("PPO", 0), pytest.param("PPO", 1, marks=pytest.mark.slow)],
)
def test_a_gradient_that_is_not_finite_stops_training(make_algo, make_config, name, num_learners):
    batch = {"train_batch_size": 40, "minibatch_size": 20, "num_learners": num_learners}
    batch |= {"vf_clip_param": None, "num_epochs": 1} if name == "PPO" else {}
    algo = make_algo(make_config(name, Huge, **SIZES, **batch))
    before = [weights(algo)]
    for _ in range(6):
        algo.train()
        before.append(weights(algo))
    with pytest.raises(Exception, match="the update was not applied") as error:
        algo.train()
    # A remote learner's error comes wrapped, and the learner is out of service then.
    assert isinstance(error.value, FloatingPointError | ray.exceptions.RayTaskError)
    line = str(error.value).strip().splitlines()[-1]
    # Every other row of 10 x 4 is a reset; 30 steps of a copy are 6 iterations.
    assert re.search(
        r"gradient norm is (inf|nan) at environment step 140, iteration 7, epoch 1, minibatch 1, "
        r"update 12 \(total_loss (inf|nan), ",
        line,
    )
    assert "batch of 20 steps: observations 0 to 0, rewards 1e+30 to 1e+30, values" in line
    assert re.search(r"advantages 1\S* to 1\S*, returns 1e\+30 to 1e\+30$", line)
    if num_learners == 0:
        last = weights(algo)
        assert all(np.array_equal(last[key], value) for key, value in before[-1].items())


@pytest.mark.slow
def test_a_killed_runner_comes_back_and_training_goes_on(make_algo, make_config):
    sizes = {"num_env_runners": 2, "train_batch_size": 80, "minibatch_size": 40}
    algo = make_algo(make_config("PPO", "Pendulum-v1", **SIZES, **sizes))
    assert train(algo, 1)[0]["env_runners"]["num_env_steps_sampled"] == 80

    def pids():
        group = algo.env_runner_group
        return group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False)

    def seeds():
        group = algo.env_runner_group
        return group.foreach_env_runner(lambda r: r._env_seed, local_env_runner=False)

    before, first_seeds = pids(), seeds()
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
    # Not the episodes of its first life over again.
    assert len({*first_seeds, *seeds()}) == 3
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
def test_with_all_runners_killed_training_waits_for_them(make_algo, make_config):
    sizes = {"num_env_runners": 2, "train_batch_size": 80}
    algo = make_algo(make_config("A2C", "CartPole-v1", **SIZES, **sizes))
    steps = [algo.train()["timesteps_total"]]
    group = algo.env_runner_group
    for pid in group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False):
        os.kill(pid, signal.SIGKILL)
    last = algo.train()
    sampled = last["env_runners"]["num_env_steps_sampled"]
    assert 0 < sampled <= 80
    assert last["timesteps_total"] == steps[0] + sampled


@pytest.mark.parametrize("name", ["A2C", pytest.param("A3C", marks=pytest.mark.slow)])
def test_a_runner_that_dies_every_time_ends_training(make_algo, make_config, name):
    sizes = {**SIZES, "num_env_runners": 1, "num_envs_per_env_runner": 1, "env_config": {"at": 3}}
    # Longer than three starts of a process on a busy machine.
    algo = make_algo(make_config(name, faulty_envs.Exits, **sizes, sample_timeout_s=1000.0))
    line = (
        "Exits': the process of env runner 1 ended 3 times in a row before it returned a result; "
    )
    with pytest.raises(EnvironmentFault, match=line):
        algo.train()


@pytest.mark.slow
def test_a_runner_that_dies_after_each_result_is_restarted_on_and_on(make_algo, make_config):
    sizes = {**SIZES, "num_env_runners": 1, "num_envs_per_env_runner": 1, "train_batch_size": 10}
    # Every process dies in its second fragment.
    config = make_config("A2C", faulty_envs.Exits, **sizes, env_config={"at": 15})
    algo = make_algo(config.reporting(min_sample_timesteps_per_iteration=1))
    assert train(algo, 5)[-1]["fault_tolerance"]["num_remote_worker_restarts"] == 4
