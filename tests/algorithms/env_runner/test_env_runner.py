"""VectorEnvRunner against environments stepped by hand with the same actions."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.testing import assert_allclose, assert_array_equal

from rllib_zoo.algorithms.env_runner.rollout import Rollout

SAME_STEP_ID = "tests/SameStepCartPole-v0"


def same_step_cartpole(num_envs, **options):
    def make():
        return gym.make("CartPole-v1", **options)

    return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


if SAME_STEP_ID not in gym.registry:
    gym.register(SAME_STEP_ID, vector_entry_point=same_step_cartpole)


class ByHand:
    """One gymnasium environment, stepped with the rows of one column of a rollout."""

    def __init__(self, env_id, seed, *, same_step=False, **options):
        self.env, self.same_step = gym.make(env_id, **options), same_step
        self.obs = self.env.reset(seed=seed)[0]
        self.resetting = False
        self.steps, self.total, self.length, self.episodes = 0, 0.0, 0, []

    def check_row(self, rollout, t, i, value_of):
        assert_array_equal(rollout.obs[t, i], self.obs)
        assert rollout.mask[t, i] == (not self.resetting)
        if self.resetting:
            assert not rollout.terminated[t, i]
            assert not rollout.truncated[t, i]
            self.obs, self.resetting = self.env.reset()[0], False
            return
        self.obs, reward, terminated, truncated, _ = self.env.step(int(rollout.actions[t, i]))
        found = rollout.rewards[t, i], rollout.terminated[t, i], rollout.truncated[t, i]
        assert found == (reward, terminated, truncated)
        if not terminated:  # nothing follows: the value there is never read
            assert_allclose(rollout.next_values[t, i], value_of(self.obs), rtol=1e-5, atol=1e-6)
        self._count(reward, ended=terminated or truncated)

    def _count(self, reward, *, ended):
        self.steps, self.length, self.total = self.steps + 1, self.length + 1, self.total + reward
        if ended:
            self.episodes.append((self.total, self.length))
            self.total, self.length = 0.0, 0
            self.resetting = not self.same_step
            if self.same_step:
                self.obs = self.env.reset()[0]


def value_function(runner):
    def value_of(obs):
        with torch.no_grad():
            return runner.module.policy_and_value(torch.as_tensor(obs)[None])[1].item()

    return value_of


def check_by_hand(runner, env_id, *, same_step, fragments=3, length=50, **options):
    """Every entry of some rollouts, their step counts and their episodes."""
    seeds = runner.env.np_random_seed
    assert len(set(seeds)) == runner.num_envs
    by_hand = [ByHand(env_id, seed, same_step=same_step, **options) for seed in seeds]
    steps, episodes, ends = 0, [], {"terminated": 0, "truncated": 0}
    for _ in range(fragments):
        rollout = runner.sample(num_steps=length)
        for t in range(length):
            for i, column in enumerate(by_hand):
                column.check_row(rollout, t, i, value_function(runner))
        steps += rollout.num_steps
        episodes += [(episode.episode_return, episode.length) for episode in rollout.episodes]
        ends = {name: count + getattr(rollout, name).sum() for name, count in ends.items()}
    assert steps == sum(column.steps for column in by_hand)
    assert sorted(episodes) == sorted(pair for column in by_hand for pair in column.episodes)
    return ends, steps


@pytest.mark.parametrize("limit", [12, 500])
def test_next_step_rollouts_equal_environments_stepped_by_hand(make_runner, limit):
    options = {"max_episode_steps": limit}
    settings = {"num_envs_per_env_runner": 3, "gym_env_vectorize_mode": "sync"}
    runner = make_runner(env_config=options, seed=1, **settings)
    ends, steps = check_by_hand(runner, "CartPole-v1", same_step=False, **options)
    assert ends["terminated"] > 2
    assert (ends["truncated"] > 2) == (limit == 12)
    assert 3 * 150 - sum(ends.values()) <= steps < 3 * 150


@pytest.mark.parametrize("limit", [12, 500])
def test_same_step_rollouts_equal_environments_stepped_by_hand(make_runner, limit):
    options = {"max_episode_steps": limit}
    runner = make_runner(SAME_STEP_ID, env_config=options, seed=1, num_envs_per_env_runner=3)
    ends, steps = check_by_hand(runner, "CartPole-v1", same_step=True, **options)
    assert ends["terminated"] > 2
    assert (ends["truncated"] > 2) == (limit == 12)
    assert steps == 3 * 150


def test_native_vector_environment_masks_as_many_steps_as_episodes_ended(make_runner):
    runner = make_runner(num_envs_per_env_runner=4)
    rollout = runner.sample(num_steps=200)
    ends = rollout.terminated | rollout.truncated
    assert ends.sum() > 10
    assert_array_equal(rollout.mask[1:], ~ends[:-1])
    assert rollout.mask[0].all()
    assert [e.episode_return for e in rollout.episodes] == [e.length for e in rollout.episodes]
    lengths = sum(episode.length for episode in rollout.episodes)
    running = [200 - 1 - np.flatnonzero(ends[:, i]).max(initial=-2) for i in range(4)]
    # An unfinished episode starts two rows after the last end: its last step, then the reset.
    assert rollout.num_steps == rollout.mask.sum() == lengths + sum(n - 1 for n in running)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_frozen_lake_observations_become_one_hot_vectors(make_runner, mode):
    options = {"gym_env_vectorize_mode": mode, "num_envs_per_env_runner": 2}
    runner = make_runner("FrozenLake-v1", env_config={"is_slippery": False}, **options)
    rollout = runner.sample(num_steps=40)
    assert rollout.obs.shape == (40, 2, 16)
    assert (rollout.obs.sum(axis=2) == 1).all()
    assert_array_equal(rollout.obs[0].argmax(axis=1), [0, 0])
    # On dry ice an action moves by one field, left -1, down 4, right 1, up -4, or into the rim.
    moves = np.array([-1, 4, 1, -4])[rollout.actions]
    fields = rollout.obs.argmax(axis=2)
    moved = np.diff(fields, axis=0)
    assert np.isin(moved[rollout.mask[:-1]], [0, *np.unique(moves)]).all()
    assert (moved == moves[:-1])[rollout.mask[:-1]].sum() > 10


def test_log_probs_and_dist_inputs_are_those_of_the_sampled_actions(make_runner):
    runner = make_runner(num_envs_per_env_runner=4)
    rollout = runner.sample(num_steps=60)
    with torch.no_grad():
        logits, values = runner.module.policy_and_value(torch.from_numpy(rollout.obs).flatten(0, 1))
    assert_allclose(rollout.dist_inputs.reshape(-1, 2), logits, atol=1e-6)
    assert_allclose(rollout.values.reshape(-1), values, atol=1e-6)
    log_softmax = torch.log_softmax(torch.from_numpy(rollout.dist_inputs), dim=-1).numpy()
    chosen = np.take_along_axis(log_softmax, rollout.actions[..., None], axis=2)[..., 0]
    assert_allclose(rollout.log_probs, chosen, atol=1e-6)
    assert set(np.unique(rollout.actions)) == {0, 1}


def test_a_local_rollout_is_the_runners_own_buffer_and_a_copy_is_not(make_runner):
    runner = make_runner()
    first = runner.sample(num_steps=10)
    kept, actions = first.copy(), first.actions.copy()
    second = runner.sample(num_steps=10)
    assert second.actions is first.actions
    assert_array_equal(kept.actions, actions)
    assert (kept.obs != second.obs).any()


def test_rollouts_of_different_length_are_not_put_side_by_side(make_runner):
    runner = make_runner(num_envs_per_env_runner=2)
    short, long = runner.sample(num_steps=5).copy(), runner.sample(num_steps=6).copy()
    both = Rollout.concatenate([short, short])
    assert both.obs.shape == (5, 4, 4)
    assert_array_equal(both.rewards[:, 2:], short.rewards)
    assert len(both.episodes) == 2 * len(short.episodes)
    with pytest.raises(ValueError, match=r"equal length T, got \[5, 6\]"):
        Rollout.concatenate([short, long])
