"""The runner of DDPG: what followed every step, in both ways environments start anew."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.testing import assert_allclose, assert_array_equal

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.ddpg.env_runner import TransitionRunner

SAME_STEP_ID = "tests/SameStepPendulum-v0"


def same_step_pendulum(num_envs, **options):
    def make():
        return gym.make("Pendulum-v1", **options)

    return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


if SAME_STEP_ID not in gym.registry:
    gym.register(SAME_STEP_ID, vector_entry_point=same_step_pendulum)


@pytest.fixture
def make_runner():
    runners = []

    def make(env, *, evaluation=False, **settings):
        given = {"env": env, "seed": 0, "actor_hiddens": [8], "critic_hiddens": [8], **settings}
        config = config_class("DDPG")().update_from_dict(given)
        config.in_evaluation = evaluation
        runners.append(TransitionRunner(config=config, worker_index=0, num_workers=0))
        return runners[-1]

    yield make
    for runner in runners:
        runner.stop()


def followed(obs, action):
    """Pendulum's next observation, by the equation of its documentation."""
    cosine, sine, speed = obs
    angle = np.arctan2(sine, cosine)
    speed = np.clip(speed + (15.0 * np.sin(angle) + 3.0 * 2.0 * action) * 0.05, -8.0, 8.0)
    angle += speed * 0.05
    return [np.cos(angle), np.sin(angle), speed]


@pytest.mark.parametrize(("env", "resets"), [("Pendulum-v1", 4), (SAME_STEP_ID, 0)])
@pytest.mark.parametrize("length", [1, 30])
def test_what_followed_is_of_the_same_episode(make_runner, env, resets, length):
    runner = make_runner(env, num_envs_per_env_runner=2, env_config={"max_episode_steps": 12})
    masked, cut = 0, 0
    for _ in range(30 // length):
        rollout = runner.sample(num_steps=length)
        masked += (~rollout.mask).sum()
        cut += rollout.truncated.sum()
        assert not rollout.terminated.any()
        for t, i in zip(*np.nonzero(rollout.mask), strict=True):
            expected = followed(rollout.obs[t, i], rollout.actions[t, i, 0])
            assert_allclose(rollout.next_obs[t, i], expected, atol=1e-4)
    assert masked == resets
    assert cut == 4


def test_training_explores_and_evaluation_does_not(make_runner):
    runner = make_runner("Pendulum-v1", random_steps=10)
    runner.set_exploration(0)
    random = runner.sample(num_steps=200)
    assert np.abs(random.actions).max() > 0.9
    runner.set_exploration(10**6)  # the schedule's last scale is 0.004
    late = runner.sample(num_steps=200)
    difference = np.abs(late.actions - late.dist_inputs).max()
    assert 0.0 < difference < 0.02
    obs = late.obs[:, 0]
    greedy = runner.act(obs, explore=False)
    assert_allclose(greedy, 2.0 * late.dist_inputs[:, 0], atol=1e-5)  # torques up to 2
    assert_array_equal(greedy, runner.act(obs, explore=False))


@pytest.mark.parametrize(
    ("env", "problem"), [("CartPole-v1", "requires a Box of actions"), ("FrozenLake-v1", "Box")]
)
def test_other_spaces_are_refused_by_name(make_runner, env, problem):
    with pytest.raises(ValueError, match=problem):
        make_runner(env)
