"""Observation filter: moments against numpy's, merging over runners, frozen in evaluation."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rllib_zoo.algorithms.env_runner.normalization import CLIP, MeanStdFilter
from rllib_zoo.algorithms.env_runner.running_moments import FILTER, Moments

FILTERED = {"observation_filter": "MeanStdFilter", "num_envs_per_env_runner": 2}


def parts(seed=0):
    """Batches of different size, mean and scale, one of a single vector."""
    rng = np.random.default_rng(seed)
    sizes = ((50, 1.0, 0.1), (1, 9.0, 1.0), (7, -3.0, 5.0), (200, 100.0, 0.01))
    return [rng.normal(mean, std, (size, 3)).astype(np.float32) for size, mean, std in sizes]


def assert_moments_of(moments, data):
    data = data.astype(np.float64)
    assert moments.count == len(data)
    assert_allclose(moments.mean, data.mean(axis=0), rtol=1e-6)
    assert_allclose(moments.std(), data.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_moments_merged_in_any_order_are_numpys_over_all_data(order):
    batches = parts()
    merged = Moments.empty((3,))
    for index in order:
        merged = merged.merged(Moments.of(batches[index]))
    assert_moments_of(merged, np.concatenate(batches))


def test_moments_merged_as_a_tree_are_numpys_over_all_data():
    a, b, c, d = (Moments.of(batch) for batch in parts())
    assert_moments_of(a.merged(b).merged(c.merged(d)), np.concatenate(parts()))


def test_merging_no_data_changes_nothing():
    empty, some = Moments.empty((3,)), Moments.of(parts()[0])
    assert_moments_of(some.merged(empty), parts()[0])
    assert_moments_of(empty.merged(some), parts()[0])
    nothing = empty.merged(empty)
    assert nothing.count == 0
    assert_array_equal(nothing.std(), np.ones(3))


def test_variance_far_from_zero_survives_single_precision():
    data = (1e6 + np.random.default_rng(0).normal(size=(1_000, 3))).astype(np.float32)
    merged = Moments.of(data[:300]).merged(Moments.of(data[300:]))
    assert_allclose(merged.std(), data.astype(np.float64).std(axis=0), rtol=1e-6)


def test_observations_are_normalised_with_the_common_moments_and_clipped():
    filter_ = MeanStdFilter((2,))
    deviations = np.array([16.0, 4.0])  # of 4 vectors: standard deviations 2 and 1
    filter_.set_state(
        {"count": 4.0, "mean": np.array([1.0, 0.0]), "squared_deviations": deviations}
    )
    seen = filter_(np.array([[5.0, -3.0], [1.0, 99.0]]), update=False)
    assert seen.dtype == np.float32
    assert_allclose(seen, [[2.0, -3.0], [0.0, 10.0]], rtol=1e-6)
    assert filter_.collected.count == 0


def test_taking_what_was_collected_empties_it_and_leaves_the_common_moments():
    filter_ = MeanStdFilter((3,))
    first, second, *_ = parts()
    filter_(first, update=True)
    filter_(second, update=True)
    assert_moments_of(filter_.take_collected(), np.concatenate([first, second]))
    assert filter_.take_collected().count == 0
    assert filter_.moments.count == 0


def test_a_training_runner_collects_every_observation_once(make_runner):
    plain = make_runner("Pendulum-v1", num_envs_per_env_runner=2)
    filtered = make_runner("Pendulum-v1", **FILTERED)
    state = {"count": 100.0, "mean": np.zeros(3), "squared_deviations": 100 * np.ones(3)}
    filtered.set_moments({FILTER: state})
    # The same actions need the same network inputs: with mean 0 and deviation 1 they are.
    raw = plain.sample(num_steps=30).obs.reshape(-1, 3)
    seen = filtered.sample(num_steps=30).obs.reshape(-1, 3)
    assert_allclose(seen, raw, atol=1e-3)
    moments = filtered.take_moments()[FILTER]
    assert moments.count == 60
    assert_allclose(moments.mean, raw.mean(axis=0), atol=1e-3)
    assert_allclose(moments.std(), raw.std(axis=0), atol=1e-3)
    assert plain.take_moments() == {}


def test_observations_of_reset_steps_are_not_collected(make_runner):
    runner = make_runner(**FILTERED)
    steps = sum(runner.sample(num_steps=50).num_steps for _ in range(2))
    assert steps < 200
    assert runner.take_moments()[FILTER].count == steps


def test_evaluation_normalises_but_collects_nothing(make_runner):
    runner = make_runner("Pendulum-v1", evaluation=True, **FILTERED)
    state = {"count": 100.0, "mean": 5 * np.ones(3), "squared_deviations": 100 * np.ones(3)}
    runner.set_moments({FILTER: state})
    for explore in (True, False):
        runner.step_episodes(explore=explore)
    rollout = runner.sample(num_steps=10)
    assert rollout.obs.max() < 5  # raw cosines and sines reach 1, speeds 8: less 5
    assert rollout.obs[..., 0].max() <= -4
    assert runner.take_moments()[FILTER].count == 0


def test_values_at_the_fragments_end_see_filtered_observations(make_runner):
    runner = make_runner("Pendulum-v1", **FILTERED)
    state = {"count": 9.0, "mean": np.full(3, 3.0), "squared_deviations": 90 * np.ones(3)}
    runner.set_moments({FILTER: state})
    one = runner.sample(num_steps=10).copy()
    next_ = runner.sample(num_steps=1)
    assert_allclose(one.next_values[-1], next_.values[0], rtol=1e-6)


def recording(base):
    """The algorithm, remembering what its remote runners returned last."""

    class Recording(base):
        def _sample_round(self):
            self.last_rollouts = super()._sample_round()
            return self.last_rollouts

    return Recording


@pytest.mark.ray
@pytest.mark.slow
def test_driver_and_two_runners_share_the_moments_of_all_observations(make_algo, make_config):
    sizes = {"num_env_runners": 2, "rollout_fragment_length": 10, "train_batch_size": 40}
    config = make_config("PPO", "Pendulum-v1", **FILTERED, **sizes, minibatch_size=40)
    config.algo_class = recording(config.algo_class)
    algo = make_algo(config)
    algo.train()
    before = algo.moments_state()[FILTER]
    assert before["count"] == 40
    algo.train()
    state = algo.moments_state()[FILTER]
    # From the second batch on, network inputs and moments tell the raw observations. Pendulum
    # never ends within these steps, so every one counts.
    grown = Moments(**before).merged(Moments.of(unfiltered(algo.last_rollouts, before)))
    assert state["count"] == grown.count == 80
    assert_allclose(state["mean"], grown.mean, rtol=1e-3, atol=1e-4)
    assert_allclose(state["squared_deviations"], grown.squared_deviations, rtol=1e-3)
    group = algo.env_runner_group
    theirs = group.foreach_env_runner(lambda r: r._filter.state(), local_env_runner=False)
    assert len(theirs) == 2
    for part in theirs:
        assert part["count"] == 80
        assert_array_equal(part["mean"], state["mean"])


def unfiltered(rollouts, state):
    """The raw observations behind those of some rollouts, none of them clipped."""
    seen = np.concatenate([rollout.obs.reshape(-1, 3) for rollout in rollouts])
    assert np.abs(seen).max() < CLIP
    return seen * (Moments(**state).std() + 1e-8) + state["mean"]


@pytest.mark.slow
@pytest.mark.ray
def test_a3c_merges_what_every_gradient_brings(make_algo, make_config):
    sizes = {"rollout_fragment_length": 10, "min_sample_timesteps_per_iteration": 200}
    algo = make_algo(make_config("A3C", "Pendulum-v1", **FILTERED, **sizes))
    result = algo.train()["env_runners"]
    assert algo.moments_state()[FILTER]["count"] == result["num_env_steps_sampled_lifetime"] >= 200
    # Cosine and sine of a swinging pendulum, never beyond 1; speeds never beyond 8.
    assert (np.abs(algo.moments_state()[FILTER]["mean"]) <= [1, 1, 8]).all()
    assert (Moments(**algo.moments_state()[FILTER]).std() > 0.1).all()
