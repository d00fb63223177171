"""Evaluation: whole episodes, an exact number of them, no preference for short ones."""

import gymnasium as gym
import numpy as np
import pytest

from rllib_zoo.algorithms.env_runner.evaluation import play_episodes
from rllib_zoo.algorithms.env_runner.running_moments import FILTER
from rllib_zoo.envs.probes import ConstantReward, FiniteReward

SMALL = {"num_envs_per_env_runner": 8, "min_sample_timesteps_per_iteration": 40}


class ShortOrLong(ConstantReward):
    """Half of the episodes take one step and return 0, half take ten and return 1."""

    def _start(self):
        self._left = 1 if self.np_random.random() < 0.5 else 10
        self._reward = float(self._left == 10)
        return super()._start()

    def step(self, action):
        self._left -= 1
        done = self._left == 0
        return super()._start(), self._reward if done else 0.0, done, False, {}


class ActionIsReturn(gym.Env):
    """One step; the return is the action, between 0 and 2."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action), True, False, {}


@pytest.mark.parametrize("wanted", [1, 8, 13, 16])
def test_every_environment_plays_its_share(make_runner, wanted):
    runner = make_runner(evaluation=True, num_envs_per_env_runner=8)
    episodes = play_episodes(runner, wanted, explore=True)
    assert len(episodes) == wanted
    assert all(episode.episode_return == episode.length > 0 for episode in episodes)


def test_short_episodes_are_not_favoured(make_runner):
    runner = make_runner(ShortOrLong, evaluation=True, num_envs_per_env_runner=50)
    returns = [
        episode.episode_return
        for _ in range(4)
        for episode in play_episodes(runner, 100, explore=True)
    ]
    # Four standard errors of 400 coins: 0.1. The first 100 to end would hold far more short ones.
    assert np.mean(returns) == pytest.approx(0.5, abs=0.1)


def test_exploring_samples_and_not_exploring_repeats_one_action(make_runner):
    runner = make_runner(ActionIsReturn, evaluation=True, num_envs_per_env_runner=8)
    sampled = {e.episode_return for e in play_episodes(runner, 64, explore=True)}
    greedy = {e.episode_return for e in play_episodes(runner, 64, explore=False)}
    assert sampled == {0.0, 1.0, 2.0}
    assert len(greedy) == 1


class CountsResets(FiniteReward):
    """Ten steps an episode."""

    def __init__(self):
        super().__init__(k=10)
        self.resets = 0

    def _start(self):
        self.resets += 1
        return super()._start()


def test_evaluation_starts_fresh_episodes(make_runner):
    runner = make_runner(CountsResets, evaluation=True, num_envs_per_env_runner=2)
    runner.sample(num_steps=5)
    episodes = play_episodes(runner, 2, explore=True)
    assert [copy.unwrapped.resets for copy in runner.env.envs] == [2, 2]
    assert [(episode.episode_return, episode.length) for episode in episodes] == [(10.0, 10)] * 2


@pytest.mark.ray
@pytest.mark.parametrize("name", ["A2C", "PPO", pytest.param("A3C", marks=pytest.mark.slow)])
def test_evaluation_comes_in_its_interval_with_its_number_of_episodes(make_algo, make_config, name):
    settings = {**SMALL, "evaluation_interval": 2, "evaluation_duration": 7}
    if name == "PPO":
        settings |= {"train_batch_size": 80, "minibatch_size": 80}
    elif name == "A3C":
        settings |= {"num_env_runners": 1}
    algo = make_algo(make_config(name, **settings, evaluation_config={"explore": False}))
    evaluations = [algo.train().get("evaluation") for _ in range(4)]
    assert [evaluation is None for evaluation in evaluations] == [True, False, True, False]
    second, fourth = (evaluation["env_runners"] for evaluation in evaluations[1::2])
    for numbers in (second, fourth):
        assert numbers["episode_window_size"] == 7
        assert numbers["episode_return_mean"] == numbers["episode_len_mean"]
    assert second != fourth


@pytest.mark.ray
def test_evaluate_returns_the_same_numbers(make_algo, make_config):
    options = {"evaluation_interval": 5, "evaluation_duration": 6}
    algo = make_algo(make_config("A2C", ActionIsReturn, **SMALL, **options))
    numbers = algo.evaluate()["env_runners"]
    assert numbers["episode_window_size"] == 6
    assert 0 <= numbers["episode_return_min"] <= numbers["episode_return_max"] <= 2


@pytest.mark.slow
@pytest.mark.ray
def test_remote_evaluation_runners_share_the_episodes_and_get_weights_and_filter(
    make_algo, make_config
):
    options = {
        "evaluation_interval": 1,
        "evaluation_duration": 7,
        "evaluation_num_env_runners": 2,
        "evaluation_config": {"explore": False},
        "observation_filter": "MeanStdFilter",
    }
    algo = make_algo(make_config("A2C", **SMALL, **options))
    result = algo.train()
    assert result["evaluation"]["env_runners"]["episode_window_size"] == 7
    weights, state = algo.env_runner.module.get_state(), algo.moments_state()[FILTER]
    assert state["count"] == result["env_runners"]["num_env_steps_sampled_lifetime"]

    def theirs(runner):
        return (
            runner.module.get_state(),
            runner._filter.state(),
            runner.take_moments()[FILTER].count,
        )

    answers = algo.eval_env_runner_group.foreach_env_runner(theirs, local_env_runner=False)
    assert len(answers) == 2
    for their_weights, their_state, collected in answers:
        assert all(np.array_equal(their_weights[key], weights[key]) for key in weights)
        assert np.array_equal(their_state["mean"], state["mean"])
        assert collected == 0


@pytest.mark.ray
def test_evaluation_does_not_disturb_training(make_algo, make_config):
    curves = []
    for interval in (None, 1):
        algo = make_algo(make_config("A2C", **SMALL, evaluation_interval=interval))
        for _ in range(3):
            result = algo.train()
        curves.append(algo.env_runner.module.get_state())
        assert result["num_env_steps_sampled_lifetime"] >= 120
    assert all(np.array_equal(curves[0][key], curves[1][key]) for key in curves[0])
