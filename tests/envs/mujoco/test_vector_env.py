"""MuJoCo's tasks stepped natively against gymnasium's own, to the last bit."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from numpy.testing import assert_array_equal

from rllib_zoo.algorithms.env_runner.env_group import capture_env_state, restore_env_state
from rllib_zoo.envs import EnvironmentRequestError, make_vector_env
from rllib_zoo.envs.mujoco.tasks import TASKS

pytest.importorskip("mujoco", reason="the extra mujoco is not installed")
from rllib_zoo.envs.mujoco.vector_env import MujocoVectorEnv

N = 3
OTHERWISE = {
    "HalfCheetah-v5": {
        "ctrl_cost_weight": 0.5,
        "exclude_current_positions_from_observation": False,
        "frame_skip": 3,
    },
    "Hopper-v5": {"healthy_state_range": (-2.0, 2.0), "forward_reward_weight": 2.0},
    "Walker2d-v5": {"terminate_when_unhealthy": False, "healthy_reward": 3.0},
    "InvertedDoublePendulum-v5": {"healthy_reward": 4.0, "reset_noise_scale": 0.3},
    "Reacher-v5": {"reward_dist_weight": 2.0, "max_episode_steps": 20},
}


def actions_for(env, steps):
    rng = np.random.default_rng(0)
    high = env.single_action_space.high
    shape = (steps, env.num_envs, *env.single_action_space.shape)
    return (rng.uniform(-1.2, 1.2, shape) * high).astype(np.float32)


def played(env, actions):
    """Everything a vector environment shows for these actions."""
    seen = [env.reset(seed=7)[0]]
    for row in actions:
        seen.extend(env.step(row)[:4])
    return seen


def assert_same_play(name, steps, threads, options):
    native = make_vector_env(name, N, options, num_threads=threads)
    sync = make_vector_env(name, N, options, vectorize_mode="sync")
    assert type(native) is MujocoVectorEnv
    assert native.metadata["autoreset_mode"] == sync.metadata["autoreset_mode"]
    assert native.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    for key in ("observation_space", "action_space", "single_action_space"):
        assert getattr(native, key) == getattr(sync, key)
    actions = actions_for(native, steps)
    ours, theirs = played(native, actions), played(sync, actions)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert_array_equal(a, b)
    native.close()
    sync.close()
    return ours


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("threads", [1, 2])
def test_it_plays_as_gymnasium_does(name, threads):
    """Through ends of both kinds and the resets behind them."""
    short = {} if name in ("Reacher-v5", "InvertedPendulum-v5") else {"max_episode_steps": 60}
    seen = assert_same_play(name, 130, threads, short)
    ends = np.concatenate(seen[3::4]), np.concatenate(seen[4::4])
    assert np.any(ends[0]) or np.any(ends[1])


@pytest.mark.parametrize(("name", "options"), OTHERWISE.items(), ids=OTHERWISE)
def test_options_mean_what_they_mean_to_gymnasium(name, options):
    assert_same_play(name, 60, 1, options)


def test_running_episodes_go_on_from_what_was_saved():
    env = make_vector_env("Hopper-v5", N)
    actions = actions_for(env, 80)
    played(env, actions[:30])
    saved = capture_env_state(env)
    assert saved is not None
    onwards = [env.step(row)[:4] for row in actions[30:]]
    again = restore_env_state(env, saved)
    for row, expected in zip(actions[30:], onwards, strict=True):
        for a, b in zip(again.step(row), expected, strict=False):
            assert_array_equal(a, b)


def test_fresh_seeds_and_repeated_ones():
    env = make_vector_env("Reacher-v5", N)
    first, again, other = (env.reset(seed=seed)[0] for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert_array_equal(first[1:], other[:-1])  # copy i has seed + i, as gymnasium's
    assert not np.array_equal(env.reset()[0], other)


def test_a_wrong_option_is_one_line():
    with pytest.raises(EnvironmentRequestError, match=r"'Hopper-v5' cannot be built .*\(gravity\)"):
        make_vector_env("Hopper-v5", 2, {"gravity": 1.0})


def test_other_tasks_stay_gymnasiums():
    env = make_vector_env("Ant-v5", 1)
    assert not isinstance(env.unwrapped, MujocoVectorEnv)
    assert isinstance(env, gym.vector.SyncVectorEnv)
    env.close()


def test_it_travels_to_other_processes():
    env = make_vector_env("InvertedPendulum-v5", 2)
    env.reset(seed=0)
    copy = pickle.loads(pickle.dumps(env))
    row = np.zeros((2, 1), np.float32)
    assert_array_equal(copy.step(row)[0], env.step(row)[0])
