"""What VectorEnvRunner hands to the environment and keeps of its observations."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.distributions import Normal

from rllib_zoo.algorithms.env_runner.transforms import action_of
from rllib_zoo.algorithms.ops.distributions import distribution_for


class Recorder(gym.Env):
    """Remembers the actions it gets; never ends."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (3,), np.float32)
    action_space: gym.Space = gym.spaces.Discrete(2)

    def __init__(self):
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.actions.append(action)
        return self.observation_space.sample(), 0.0, False, False, {}


class ShiftedActions(Recorder):
    action_space = gym.spaces.Discrete(3, start=5)


class Int16Actions(Recorder):
    """gymnasium's ``contains`` refuses an int64."""


class Bytes(Recorder):
    observation_space = gym.spaces.Box(0, 255, (3,), np.uint8)


class Doubles(Recorder):
    observation_space = gym.spaces.Box(-1.0, 1.0, (3,), np.float64)


class UnevenBox(Recorder):
    """Bounds of four kinds: [-2, 2], [0, 10], none, and one side only."""

    action_space = gym.spaces.Box(
        np.array([[-2, 0], [-np.inf, 0]], np.float32),
        np.array([[2, 10], [np.inf, np.inf]], np.float32),
    )


class Composite(Recorder):
    """Every kind of action in one; keys are not in alphabetical order."""

    action_space = gym.spaces.Dict(
        [
            ("speed", gym.spaces.Box(-2.0, 2.0, (1, 2), np.float64)),
            ("keys", gym.spaces.MultiBinary(3)),
            ("gear", gym.spaces.Tuple((gym.spaces.Discrete(3, start=-1),))),
            ("bits", gym.spaces.MultiDiscrete([2, 4], start=[0, 10])),
        ]
    )


@pytest.mark.parametrize("model", [{}, {"use_lstm": True, "lstm_cell_size": 4, "max_seq_len": 5}])
def test_composite_actions_arrive_in_the_structure_of_their_space(make_runner, model):
    model = {"fcnet_hiddens": [8], **model}
    runner = make_runner(Composite, num_envs_per_env_runner=2, model=model)
    rollout = runner.sample(num_steps=20)
    # By key: bits, gear, keys, speed.
    assert rollout.actions.shape == (20, 2, 2 + 1 + 3 + 2)
    assert rollout.dist_inputs.shape == (20, 2, 6 + 3 + 3 + 4)
    for i, copy in enumerate(runner.env.envs):
        space = copy.action_space
        for t, action in enumerate(copy.unwrapped.actions):
            assert space.contains(action)
            flat = rollout.actions[t, i]
            assert_array_equal(action["bits"], flat[:2] + np.array([0, 10]))
            assert action["gear"] == (flat[2] - 1,)
            assert_array_equal(action["keys"], flat[3:6])
            assert_allclose(action["speed"], np.clip(2 * flat[None, 6:], -2, 2), rtol=1e-6)
    expected = distribution_for(Composite.action_space).log_prob(
        torch.from_numpy(rollout.dist_inputs), torch.from_numpy(rollout.actions)
    )
    torch.testing.assert_close(torch.from_numpy(rollout.log_probs), expected)


def test_composite_actions_in_processes_and_greedy_ones(make_runner):
    runner = make_runner(Composite, num_envs_per_env_runner=2, gym_env_vectorize_mode="async")
    assert runner.sample(num_steps=3).num_steps == 6
    obs = np.zeros((2, 3), np.float32)
    runner.reset_episodes()
    greedy = runner.act(obs, explore=False)
    assert Composite.action_space.contains(action_of(greedy, 1))
    with torch.no_grad():
        dist_inputs, _ = runner.module.policy_and_value(torch.from_numpy(obs))
    assert action_of(greedy, 1)["gear"][0] == dist_inputs[1, 6:9].argmax() - 1
    assert_array_equal(greedy["keys"], dist_inputs[:, 9:12] > 0)


def recorded(runner):
    """Actions by time and environment."""
    per_env = [copy.unwrapped.actions for copy in runner.env.envs]
    return np.array(per_env).swapaxes(0, 1)


@pytest.mark.parametrize("start", [0, 5])
def test_discrete_actions_have_the_dtype_of_their_space(make_runner, monkeypatch, start):
    space = gym.spaces.Discrete(3, start=start, dtype=np.int16)
    monkeypatch.setattr(Int16Actions, "action_space", space)
    runner = make_runner(Int16Actions, num_envs_per_env_runner=2)
    runner.sample(num_steps=5)
    assert {space.contains(action) for action in recorded(runner).ravel()} == {True}


def test_discrete_actions_start_where_the_space_does(make_runner):
    runner = make_runner(ShiftedActions, num_envs_per_env_runner=2)
    rollout = runner.sample(num_steps=40)
    assert set(np.unique(rollout.actions)) == {0, 1, 2}
    assert_array_equal(recorded(runner), rollout.actions + 5)


def test_byte_observations_stay_bytes(make_runner):
    runner = make_runner(Bytes, num_envs_per_env_runner=2)
    rollout = runner.sample(num_steps=20)
    assert rollout.obs.dtype == np.uint8
    assert rollout.obs.max() > 200


def test_double_observations_become_single_ones_everywhere(make_runner):
    runner = make_runner(Doubles, num_envs_per_env_runner=2)
    rollout = runner.sample(num_steps=20)
    assert rollout.obs.dtype == np.float32
    assert rollout.next_values.dtype == np.float32
    assert_allclose(rollout.next_values[:-1], rollout.values[1:])


def test_box_actions_are_stretched_to_the_bounds(make_runner):
    runner = make_runner(UnevenBox, num_envs_per_env_runner=2)
    sampled = runner.sample(num_steps=100).actions
    received = recorded(runner)
    assert received.shape == (100, 2, 2, 2)
    assert_allclose(received[..., 0, 0], np.clip(2 * sampled[..., 0], -2, 2), rtol=1e-6)
    expected = np.clip(5 + 5 * sampled[..., 1], 0, 10)
    assert_allclose(received[..., 0, 1], expected, rtol=1e-5, atol=1e-6)
    assert_array_equal(received[..., 1, 0], sampled[..., 2])
    assert_array_equal(received[..., 1, 1], np.maximum(sampled[..., 3], 0))


def test_clip_actions_only_clips(make_runner):
    options = {"normalize_actions": False, "clip_actions": True, "num_envs_per_env_runner": 2}
    runner = make_runner(UnevenBox, **options)
    sampled = runner.sample(num_steps=100).actions.reshape(100, 2, 2, 2)
    space = UnevenBox.action_space
    assert_array_equal(recorded(runner), np.clip(sampled, space.low, space.high))
    assert (sampled < space.low).any()


def test_without_either_option_actions_arrive_as_sampled(make_runner):
    options = {"normalize_actions": False, "clip_actions": False, "num_envs_per_env_runner": 2}
    runner = make_runner(UnevenBox, **options)
    sampled = runner.sample(num_steps=100).actions.reshape(100, 2, 2, 2)
    assert_array_equal(recorded(runner), sampled)
    assert (sampled < UnevenBox.action_space.low).any()


def test_log_probs_of_box_actions_are_those_of_the_unclipped_samples(make_runner):
    runner = make_runner(UnevenBox, num_envs_per_env_runner=2)
    rollout = runner.sample(num_steps=100)
    actions, inputs = torch.from_numpy(rollout.actions), torch.from_numpy(rollout.dist_inputs)
    assert (actions.abs() > 1.0).float().mean() > 0.1
    mean, log_std = inputs.chunk(2, dim=-1)
    expected = Normal(mean, log_std.exp()).log_prob(actions).sum(-1)
    torch.testing.assert_close(torch.from_numpy(rollout.log_probs), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("explore", [True, False])
def test_act_samples_only_when_exploring(make_runner, explore):
    runner = make_runner(UnevenBox, num_envs_per_env_runner=1)
    obs = np.zeros((1, 3), np.float32)
    actions = np.array([runner.act(obs, explore=explore) for _ in range(20)])
    assert actions.shape == (20, 1, 2, 2)
    assert (actions.std(axis=0) > 0).all() == explore
    if not explore:
        with torch.no_grad():
            dist_inputs, _ = runner.module.policy_and_value(torch.from_numpy(obs))
        mean = dist_inputs[0, :4].numpy()
        expected = [2 * mean[0], 5 + 5 * mean[1], mean[2], max(mean[3], 0)]
        assert_allclose(actions[0].reshape(-1), expected, rtol=1e-5, atol=1e-6)
