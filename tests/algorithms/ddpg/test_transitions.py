"""Transitions of rollouts: returns of n steps, what followed, and where they end."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rllib_zoo.algorithms.ddpg.transitions import DISCOUNTS, scaled_rewards, transitions
from rllib_zoo.algorithms.env_runner.rollout import Rollout

T, N, GAMMA = 12, 5, 0.9


def some_rollout(seed):
    """Random ends, cuts and resets; observation k of column i is the number 100 i + k."""
    rng = np.random.default_rng(seed)
    shape = (T, N)
    mask = rng.random(shape) > 0.2
    ended = mask & (rng.random(shape) < 0.2)
    terminated = ended & (rng.random(shape) < 0.5)
    obs = (np.arange(T)[:, None] + 100.0 * np.arange(N))[..., None]
    zeros = np.zeros(shape, np.float32)
    return Rollout(
        obs=obs,
        actions=rng.random((*shape, 2)),
        dist_inputs=zeros,
        log_probs=zeros,
        values=zeros,
        next_values=zeros,
        rewards=rng.random(shape).astype(np.float32),
        terminated=terminated,
        truncated=ended & ~terminated,
        mask=mask,
        next_obs=obs + 1.0,
    )


def one_by_one(rollout, n_step):
    """The same, a step at a time."""
    for t in range(T):
        for i in range(N):
            if not rollout.mask[t, i]:
                continue
            total, k = 0.0, 0
            while True:
                total += GAMMA**k * rollout.rewards[t + k, i]
                k += 1
                last = t + k - 1
                over = rollout.terminated[last, i] or rollout.truncated[last, i]
                if over or k == n_step or t + k == T or not rollout.mask[t + k, i]:
                    break
            discount = 0.0 if rollout.terminated[last, i] else GAMMA**k
            yield rollout.obs[t, i, 0], total, rollout.next_obs[last, i, 0], discount


@pytest.mark.parametrize("n_step", [1, 2, 3, 50])
def test_transitions_are_those_of_the_definition(n_step):
    for seed in range(5):
        rollout = some_rollout(seed)
        assert rollout.terminated.any()
        assert rollout.truncated.any()
        found = transitions(rollout, rollout.rewards, gamma=GAMMA, n_step=n_step)
        expected = np.array(list(one_by_one(rollout, n_step)))
        assert_allclose(found["obs"][:, 0], expected[:, 0])
        assert_allclose(found["rewards"], expected[:, 1], rtol=1e-6)
        assert_allclose(found["new_obs"][:, 0], expected[:, 2])
        assert_allclose(found[DISCOUNTS], expected[:, 3], rtol=1e-6)
        assert_allclose(found["actions"], rollout.actions[rollout.mask])


def test_the_homeworks_rewards_lie_between_minus_one_and_one():
    assert_allclose(scaled_rewards(np.array([-16.0, -8.0, 0.0]), 0.125, 8.0), [-1.0, 0.0, 1.0])
