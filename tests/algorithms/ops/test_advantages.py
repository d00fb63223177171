"""Advantage estimators against hand-computed numbers and the papers' sums."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rllib_zoo.algorithms.ops.advantages import (
    generalized_advantage_estimation,
    minus_mean,
    monte_carlo_returns,
    whole_episode_returns,
)

GAMMA, LAMBDA = 0.9, 0.7


def column(*numbers, dtype=np.float32):
    return np.array(numbers, dtype=dtype)[:, None]


def flags(*numbers):
    return column(*numbers, dtype=bool)


def random_rollout(seed, steps=40, envs=5):
    """Arrays as a runner makes them in NEXT_STEP mode: a reset row follows every end.

    Within an episode V(s_{t+1}) is the next row's value; after its end, and at the fragment's,
    it is drawn freely. A reset row's reward is a poison of 1,000.
    """
    rng = np.random.default_rng(seed)
    rewards, values, free = rng.normal(size=(3, steps, envs)).astype(np.float32)
    terminated = rng.random((steps, envs)) < 0.1
    truncated = (rng.random((steps, envs)) < 0.1) & ~terminated
    mask = np.ones((steps, envs), dtype=bool)
    for t in range(1, steps):
        mask[t] = ~((terminated | truncated)[t - 1] & mask[t - 1])
        terminated[t] &= mask[t]
        truncated[t] &= mask[t]
    rewards[~mask] = 1_000.0
    following = np.concatenate([values[1:], free[-1:]])
    next_values = np.where(terminated | truncated, free, following)
    assert terminated.sum() > 5
    assert truncated.sum() > 5
    assert (~mask).sum() > 10
    return rewards, values, next_values, terminated, truncated, mask


def slow_gae(rewards, values, next_values, terminated, truncated, gamma, lambda_):
    """Equation 16, Â_t = Σ_l (γλ)^l δ_{t+l}, one environment and one step at a time."""
    steps, envs = rewards.shape
    advantages = np.zeros((steps, envs))
    for i in range(envs):
        for t in range(steps):
            for l, k in enumerate(range(t, steps)):  # noqa: E741 - the paper's letter
                following = 0.0 if terminated[k, i] else float(next_values[k, i])
                delta = float(rewards[k, i]) + gamma * following - float(values[k, i])
                advantages[t, i] += (gamma * lambda_) ** l * delta
                if terminated[k, i] or truncated[k, i]:
                    break
    return advantages


def slow_n_step(rewards, values, next_values, terminated, truncated, gamma):
    """Σ_{k<n} γ^k r_{t+k} + γ^n V(s_{t+n}) - V(s_t), n up to the episode's or fragment's end."""
    steps, envs = rewards.shape
    advantages = np.zeros((steps, envs))
    for i in range(envs):
        for t in range(steps):
            ends = np.flatnonzero((terminated | truncated)[t:, i])
            n = int(ends[0]) + 1 if len(ends) else steps - t
            last = t + n - 1
            total = sum(gamma**k * float(rewards[t + k, i]) for k in range(n))
            if not terminated[last, i]:
                total += gamma**n * float(next_values[last, i])
            advantages[t, i] = total - float(values[t, i])
    return advantages


def test_gae_of_three_steps_by_hand():
    # δ_2 = 3 + 0.9·40 - 30 = 9; δ_1 = 2 + 0.9·30 - 20 = 9; δ_0 = 1 + 0.9·20 - 10 = 9
    # Â_2 = 9; Â_1 = 9 + 0.63·9 = 14.67; Â_0 = 9 + 0.63·14.67 = 18.2421
    no = flags(0, 0, 0)
    result = generalized_advantage_estimation(
        column(1, 2, 3), column(10, 20, 30), column(20, 30, 40), no, no, gamma=0.9, lambda_=0.7
    )
    assert_allclose(result.advantages, column(18.2421, 14.67, 9), rtol=1e-6)
    assert_allclose(result.value_targets, column(28.2421, 34.67, 39), rtol=1e-6)


def test_termination_and_truncation_by_hand():
    # Step 0 ends: δ_0 = 1 - 10 = -9 terminated, 1 + 0.9·50 - 10 = 36 truncated; step 2 (δ = 9)
    # reaches back to step 1 (9 + 0.63·9 = 14.67), never to step 0.
    ends, no = flags(1, 0, 0), flags(0, 0, 0)
    arrays = column(1, 2, 3), column(10, 20, 30), column(50, 30, 40)
    options = {"gamma": 0.9, "lambda_": 0.7}
    terminated = generalized_advantage_estimation(*arrays, ends, no, **options)
    truncated = generalized_advantage_estimation(*arrays, no, ends, **options)
    assert_allclose(terminated.advantages, column(-9, 14.67, 9), rtol=1e-6)
    assert_allclose(truncated.advantages, column(36, 14.67, 9), rtol=1e-6)


def test_a_step_both_terminated_and_truncated_counts_as_terminated():
    both = flags(1)
    result = generalized_advantage_estimation(
        column(1), column(10), column(50), both, both, gamma=0.9, lambda_=0.0
    )
    assert_allclose(result.advantages, column(-9))


def test_n_step_td0_and_monte_carlo_by_hand():
    rewards, values, following = column(1, 2, 4), column(10, 20, 30), column(20, 30, 40)
    no, last = flags(0, 0, 0), flags(0, 0, 1)
    # γ = 0.5: 4 + 20 - 30 = -6; 2 + 2 + 10 - 20 = -6; 1 + 1 + 1 + 5 - 10 = -2
    n_step = generalized_advantage_estimation(
        rewards, values, following, no, no, gamma=0.5, lambda_=1.0
    )
    assert_allclose(n_step.advantages, column(-2, -6, -6))
    assert_allclose(n_step.value_targets, column(8, 14, 24))
    # 1 + 10 - 10 = 1; 2 + 15 - 20 = -3; 4 - 30 = -26 (terminated)
    td0 = generalized_advantage_estimation(
        rewards, values, following, last, no, gamma=0.5, lambda_=0.0
    )
    assert_allclose(td0.advantages, column(1, -3, -26))
    assert_allclose(td0.value_targets, column(11, 17, 4))
    # 4; 2 + 2 = 4; 1 + 2 = 3, and an end after step 0 leaves it its own reward
    assert_allclose(monte_carlo_returns(rewards, last, no, gamma=0.5), column(3, 4, 4))
    first = flags(1, 0, 0)
    assert_allclose(monte_carlo_returns(rewards, first, no, gamma=0.5), column(1, 4, 4))
    assert_allclose(monte_carlo_returns(rewards, no, first, gamma=0.5), column(1, 4, 4))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("gamma", "lambda_"), [(0.99, 0.95), (0.9, 0.5), (1.0, 1.0)])
def test_gae_equals_the_sum_of_equation_16(seed, gamma, lambda_):
    *arrays, mask = random_rollout(seed)
    fast = generalized_advantage_estimation(*arrays, gamma=gamma, lambda_=lambda_)
    slow = slow_gae(*arrays, gamma, lambda_)
    assert_allclose(fast.advantages[mask], slow[mask], rtol=1e-4, atol=1e-4)
    assert_allclose(fast.value_targets, fast.advantages + arrays[1])


@pytest.mark.parametrize("seed", range(3))
def test_the_reward_of_a_reset_step_reaches_no_real_step(seed):
    rewards, *rest, mask = random_rollout(seed)
    quiet = np.where(mask, rewards, 0.0).astype(np.float32)
    options = {"gamma": GAMMA, "lambda_": LAMBDA}
    poisoned = generalized_advantage_estimation(rewards, *rest, **options).advantages
    clean = generalized_advantage_estimation(quiet, *rest, **options).advantages
    assert_allclose(poisoned[mask], clean[mask])
    assert (poisoned != clean).any()


@pytest.mark.parametrize("seed", range(3))
def test_lambda_1_gives_the_papers_n_step_advantage(seed):
    *arrays, mask = random_rollout(seed)
    slow = slow_n_step(*arrays, GAMMA)[mask]
    by_gae = generalized_advantage_estimation(*arrays, gamma=GAMMA, lambda_=1.0)
    assert_allclose(by_gae.advantages[mask], slow, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_lambda_0_gives_the_one_step_td_error(seed):
    *arrays, _ = random_rollout(seed)
    rewards, values, following, terminated, _ = arrays
    errors = rewards + GAMMA * np.where(terminated, 0.0, following) - values
    by_gae = generalized_advantage_estimation(*arrays, gamma=GAMMA, lambda_=0.0)
    assert_allclose(by_gae.advantages, errors, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_monte_carlo_is_the_n_step_sum_without_a_critic(seed):
    rewards, _, _, terminated, truncated, mask = random_rollout(seed)
    zeros = np.zeros_like(rewards)
    slow = slow_n_step(rewards, zeros, zeros, terminated, truncated, GAMMA)
    fast = monte_carlo_returns(rewards, terminated, truncated, gamma=GAMMA)
    assert_allclose(fast[mask], slow[mask], rtol=1e-4, atol=1e-4)


def test_swapping_terminated_and_truncated_changes_exactly_the_episodes_that_end():
    rewards, values, following, terminated, truncated, mask = random_rollout(0)
    options = {"gamma": GAMMA, "lambda_": LAMBDA}
    right = generalized_advantage_estimation(
        rewards, values, following, terminated, truncated, **options
    ).advantages
    wrong = generalized_advantage_estimation(
        rewards, values, following, truncated, terminated, **options
    ).advantages
    ends = terminated | truncated
    assert (np.abs(right - wrong)[ends] > 1e-3).all()
    last_end = np.array([np.flatnonzero(ends[:, i]).max() for i in range(ends.shape[1])])
    after = np.arange(len(ends))[:, None] > last_end
    assert after.any()
    assert_allclose(right[after & mask], wrong[after & mask])


def test_float32_stays_float32():
    *arrays, _ = random_rollout(0)
    result = generalized_advantage_estimation(*arrays, gamma=GAMMA, lambda_=LAMBDA)
    assert result.advantages.dtype == result.value_targets.dtype == np.float32
    rewards, _, _, terminated, truncated = arrays
    assert monte_carlo_returns(rewards, terminated, truncated, gamma=0.9).dtype == np.float32


@pytest.mark.parametrize("wrong", range(5))
def test_an_array_of_another_shape_is_refused_with_the_shapes(wrong):
    *arrays, _ = random_rollout(0)
    arrays[wrong] = arrays[wrong][:-1]
    with pytest.raises(ValueError, match=r"equal shape \[T, N\], got \[\(39, 5\), \(40, 5\)\]"):
        generalized_advantage_estimation(*arrays, gamma=GAMMA, lambda_=LAMBDA)


def test_arrays_without_an_environment_axis_are_refused():
    *arrays, _ = random_rollout(0)
    flat = [array[:, 0] for array in arrays]
    with pytest.raises(ValueError, match=r"got \[\(40,\)\]"):
        generalized_advantage_estimation(*flat, gamma=GAMMA, lambda_=LAMBDA)


def test_whole_returns_by_hand():
    # Episodes: 1 + ½·2 = 2, then, after a reset row, 4 + ½·8 = 8, cut by the fragment's end.
    rewards, first = column(1, 2, 1_000, 4, 8), flags(0, 1, 0, 0, 0)
    mask, no = flags(1, 1, 0, 1, 1), flags(0, 0, 0, 0, 0)
    for ends in ((first, no), (no, first)):
        whole = whole_episode_returns(rewards, *ends, mask, gamma=0.5)
        assert_allclose(whole[mask], [2, 2, 8, 8])
    # Without reset rows (SAME_STEP) the next episode begins at once.
    every = flags(1, 1, 1, 1, 1)
    whole = whole_episode_returns(column(1, 2, 3, 4, 8), first, no, every, gamma=1.0)
    assert_allclose(whole, column(3, 3, 15, 15, 15))


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_return_is_the_reward_to_go_of_the_first_step(seed):
    rewards, _, _, terminated, truncated, mask = random_rollout(seed)
    whole = whole_episode_returns(rewards, terminated, truncated, mask, gamma=GAMMA)
    to_go = monte_carlo_returns(rewards, terminated, truncated, gamma=GAMMA)
    ends = terminated | truncated
    for i in range(mask.shape[1]):
        expected, fresh = 0.0, True
        for t in np.flatnonzero(mask[:, i]):
            expected = to_go[t, i] if fresh else expected
            assert whole[t, i] == expected
            fresh = ends[t, i]


def test_a_constant_baseline_is_the_mean_of_the_played_steps():
    weights, mask = column(1, 2, 1_000, 6), flags(1, 1, 0, 1)
    assert_allclose(minus_mean(weights, mask)[mask], [-2, -1, 3])
