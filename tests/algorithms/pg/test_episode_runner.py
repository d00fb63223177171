"""Whole episodes as samples: one from every environment, none cut, none begun under earlier weights."""

import numpy as np
import pytest
from algorithm_fixtures import small_config

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.pg.episode_runner import EpisodeRunner, concatenate_padded, masked_after


@pytest.fixture
def make_episodes():
    runners = []

    def make(env="CartPole-v1", **settings):
        config = small_config("PG", env, batch_mode="complete_episodes", **settings)
        runners.append(EpisodeRunner(config=config, worker_index=0, num_workers=0))
        return runners[-1]

    yield make
    for runner in runners:
        runner.stop()


def ends_of(rollout):
    return (rollout.terminated | rollout.truncated) & rollout.mask


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
def test_every_column_is_one_whole_episode(make_episodes, mode):
    runner = make_episodes(num_envs_per_env_runner=6, gym_env_vectorize_mode=mode)
    for _ in range(3):
        rollout = runner.sample()
        lengths = rollout.mask.sum(axis=0)
        # CartPole pays 1 a step; it starts within ±0.05.
        assert (ends_of(rollout).sum(axis=0) == 1).all()
        assert all(ends_of(rollout)[n - 1, i] for i, n in enumerate(lengths))
        assert all(rollout.mask[:n, i].all() for i, n in enumerate(lengths))
        assert (np.abs(rollout.obs[0]) <= 0.05).all()
        assert sorted(e.length for e in rollout.episodes) == sorted(lengths)
        assert [e.length for e in rollout.episodes] == sorted(e.length for e in rollout.episodes)
        assert len(rollout.mask) == lengths.max()
        assert rollout.num_steps == sum(e.length for e in rollout.episodes)


def test_the_value_after_a_cut_episode_is_that_of_its_final_observation(make_episodes):
    runner = make_episodes(num_envs_per_env_runner=3, env_config={"max_episode_steps": 5})
    rollout = runner.sample()
    assert len(rollout.mask) == 5
    assert rollout.truncated[4].all()
    # One step more would have been the reset; its row shows what the episode ended with.
    assert (rollout.next_values[4] != 0).all()
    assert (rollout.next_values[:4] == rollout.values[1:]).all()


def test_the_first_to_end_are_not_favoured(make_episodes):
    """The mean over one episode each is that of whole play; the first ends alone are shorter."""
    runner = make_episodes(num_envs_per_env_runner=50)
    lengths = np.concatenate([runner.sample().mask.sum(axis=0) for _ in range(8)])
    # Random play lasts 22.4 steps; 400 episodes tell it to ± 1.2.
    assert lengths.mean() == pytest.approx(22.4, abs=4)


def test_plain_fragments_are_as_ever(make_episodes):
    runner = make_episodes(num_envs_per_env_runner=2)
    assert runner.sample(num_steps=7).mask.shape == (7, 2)
    runner.config.batch_mode = "truncate_episodes"
    runner.config.train_batch_size = 10
    assert runner.sample().mask.shape == (5, 2)


def test_a_recurrent_network_is_refused(make_episodes):
    with pytest.raises(ValueError, match="does not support recurrent networks"):
        make_episodes(model={"use_lstm": True, "fcnet_hiddens": [4], "lstm_cell_size": 4})


def rollout_of(length, columns):
    shape = (length, columns)
    floats = {
        name: np.ones(shape, np.float32)
        for name in ("log_probs", "values", "next_values", "rewards", "actions")
    }
    flags = {name: np.zeros(shape, bool) for name in ("terminated", "truncated")}
    obs = np.ones((*shape, 4), np.float32)
    return Rollout(obs=obs, dist_inputs=obs[..., :2], mask=np.ones(shape, bool), **floats, **flags)


def test_steps_after_the_last_are_masked_and_cut():
    cut = masked_after(rollout_of(5, 3), np.array([0, 3, 1]))
    assert cut.mask.T.astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]
    assert cut.obs.shape == (4, 3, 4)


def test_shorter_rollouts_get_masked_steps():
    joined = concatenate_padded([rollout_of(2, 1), rollout_of(4, 2)])
    assert joined.mask.T.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert joined.obs.shape == (4, 3, 4)
    assert joined.num_steps == 10
