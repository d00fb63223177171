"""Return normalisation against a slow version, and where its moments go."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rllib_zoo.algorithms.env_runner.normalization import ReturnNormalizer
from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.running_moments import RETURNS

T, N, GAMMA = 7, 3, 0.9


def fragment(seed=0, scale=5.0):
    """Only what return normalisation reads of a rollout."""
    rng = np.random.default_rng(seed)
    rewards = (scale * rng.normal(size=(T, N))).astype(np.float32)
    flags = np.zeros((3, T, N), bool)
    flags[0, 2, 0] = flags[1, 4, 2] = True  # a terminated and a truncated episode
    flags[0, 1, 1] = True  # and one whose next episode begins in the next step
    flags[2] = True
    flags[2, 3, 0] = flags[2, 5, 2] = False  # the reset steps behind the first two
    rewards[3, 0] = rewards[5, 2] = 0.0
    nothing = np.zeros((T, N), np.float32)
    return Rollout(nothing, nothing, nothing, nothing, nothing, nothing, rewards, *flags)


def slow_returns(rollouts):
    """R_t = r_t + γ R_{t-1} of every played step, one environment after the other."""
    found = []
    for n in range(N):
        running = 0.0
        for rollout in rollouts:
            for t in range(T):
                running = float(rollout.rewards[t, n]) + GAMMA * running
                if rollout.mask[t, n]:
                    found.append(running)
                if rollout.terminated[t, n] or rollout.truncated[t, n] or not rollout.mask[t, n]:
                    running = 0.0
    return np.array(found)


def test_rewards_are_divided_by_the_deviation_of_the_returns():
    scale, rollout = ReturnNormalizer(N, GAMMA), fragment()
    raw, returns = rollout.rewards.copy(), slow_returns([rollout])
    scale(rollout)
    assert_allclose(rollout.rewards, np.clip(raw / returns.std(), -10, 10), rtol=1e-5)
    assert scale.collected.count == T * N - 2


def test_returns_run_on_through_fragments():
    scale, parts = ReturnNormalizer(N, GAMMA), [fragment(0), fragment(1)]
    returns = slow_returns(parts)
    for part in parts:
        scale(part)
    taken = scale.take_collected()
    assert_allclose(taken.std(), returns.std(), rtol=1e-6)
    assert_allclose(taken.mean, returns.mean(), rtol=1e-6)
    assert scale.take_collected().count == 0


def test_common_moments_come_before_own_ones_and_the_bound_holds():
    scale, rollout = ReturnNormalizer(N, GAMMA), fragment()
    scale.set_state({"count": 10.0, "mean": np.array(3.0), "squared_deviations": np.array(40.0)})
    raw = rollout.rewards.copy()
    scale(rollout)
    assert_allclose(rollout.rewards, np.clip(raw / 2.0, -10, 10), rtol=1e-5)
    loud = fragment(scale=1e4)
    scale(loud)
    assert np.abs(loud.rewards).max() == 10.0


SETTINGS = {"normalize_returns": True, "num_envs_per_env_runner": 2, "gamma": GAMMA}


def test_a_runner_scales_what_is_learned_and_not_the_scores(make_runner):
    plain = make_runner("Pendulum-v1", num_envs_per_env_runner=2, gamma=GAMMA)
    scaled = make_runner("Pendulum-v1", **SETTINGS)
    raw, learned = (runner.sample(num_steps=210).copy() for runner in (plain, scaled))
    assert_array_equal(raw.actions, learned.actions)
    assert [e.episode_return for e in raw.episodes] == [e.episode_return for e in learned.episodes]
    assert len(raw.episodes) == 2
    moments = scaled.take_moments()[RETURNS]
    assert moments.count == learned.num_steps
    assert_allclose(learned.rewards, raw.rewards / moments.std(), rtol=1e-4)
    assert plain.take_moments() == {}


def test_evaluation_scales_nothing(make_runner):
    runner = make_runner("Pendulum-v1", evaluation=True, **SETTINGS)
    assert runner.sample(num_steps=5).rewards.min() < -0.01
    assert runner.take_moments() == {}


def test_a3c_refuses(make_config):
    with pytest.raises(ValueError, match="'normalize_returns' is not a key of A3C"):
        make_config("A3C", "Pendulum-v1", normalize_returns=True).validate()


@pytest.mark.ray
def test_driver_and_checkpoint_hold_the_moments(make_algo, make_config):
    def build():
        sizes = {"rollout_fragment_length": 20, "train_batch_size": 40, "minibatch_size": 40}
        return make_algo(make_config("PPO", "Pendulum-v1", **SETTINGS, **sizes))

    algo = build()
    algo.train()
    state = algo.get_state()
    assert state["on_policy"]["returns"]["count"] == algo._moments[RETURNS].moments.count > 0
    other = build()
    other.set_state(state)
    assert other._moments[RETURNS].state() == algo._moments[RETURNS].state()
    runners = [a.env_runner._return_normalizer for a in (algo, other)]
    assert runners[0].state() == runners[1].state() == state["on_policy"]["returns"]
    assert_array_equal(runners[0].running_returns, runners[1].running_returns)
