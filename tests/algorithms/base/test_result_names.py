"""Result names: the retired ones beside today's, episode windows, averages over updates."""

import numpy as np
import pytest

from rllib_zoo.algorithms import names
from rllib_zoo.algorithms.base.algorithm import averaged
from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.algorithms.base.result_names import result_names, with_legacy_names
from rllib_zoo.algorithms.env_runner.episodes import Episode, EpisodeCounter, EpisodeWindow, summary
from rllib_zoo.algorithms.ppo import PPOConfig

EPISODES = [Episode(1.0, 10), Episode(3.0, 20), Episode(-4.0, 60)]


def test_retired_names_stand_beside_todays():
    runners = {
        "episode_return_mean": 1.0,
        "episode_return_min": 2.0,
        "episode_return_max": 3.0,
        "episode_len_mean": 4.0,
        "num_episodes": 5,
        "num_episodes_lifetime": 6,
        "num_env_steps_sampled_lifetime": 7,
        "num_frames_sampled_lifetime": 28,
    }
    result = with_legacy_names({"env_runners": runners})
    assert result == {
        "env_runners": runners,
        "episode_reward_mean": 1.0,
        "episode_reward_min": 2.0,
        "episode_reward_max": 3.0,
        "episode_len_mean": 4.0,
        "episodes_this_iter": 5,
        "episodes_total": 6,
        "timesteps_total": 7,
        "num_env_steps_sampled_lifetime": 7,
        "num_frames_sampled_lifetime": 28,
    }


def test_names_without_a_number_are_left_out():
    result = with_legacy_names({"env_runners": {"num_env_steps_sampled_lifetime": 7}})
    assert set(result) == {"env_runners", "timesteps_total", "num_env_steps_sampled_lifetime"}
    assert with_legacy_names({}) == {}


@pytest.mark.parametrize("name", names())
def test_promised_names_are_each_promised_once(name):
    names = result_names(name)
    assert len(set(names)) == len(names)
    staleness = {n for n in names if "staleness" in n}
    assert bool(staleness) == (name == "A3C")


def test_summary_of_three_episodes():
    assert summary(EPISODES) == {
        "episode_return_mean": 0.0,
        "episode_return_min": -4.0,
        "episode_return_max": 3.0,
        "episode_len_mean": 30.0,
        "episode_len_min": 10,
        "episode_len_max": 60,
        "episode_window_size": 3,
    }
    assert summary([]) == {}


def test_the_window_keeps_the_last_episodes_and_counts_them_all():
    window = EpisodeWindow(2)
    window.extend(EPISODES)
    assert window.num_lifetime == 3
    assert window.summary()["episode_return_mean"] == -0.5
    other = EpisodeWindow(2)
    other.set_state(window.state())
    assert other.summary() == window.summary()
    assert other.num_lifetime == 3


@pytest.mark.parametrize("same_step", [True, False])
def test_the_counter_follows_the_autoreset_mode(same_step):
    counter = EpisodeCounter(2, same_step=same_step)
    ended = []
    # Environment 0 ends in rows 2 and 4, environment 1 in row 4; rewards are 1.
    for done in ([False, False], [True, False], [False, False], [True, True]):
        ended += counter.add(np.ones(2), np.array(done))
    # NEXT_STEP: the third row is environment 0's reset.
    second = Episode(2.0, 2) if same_step else Episode(1.0, 1)
    assert ended == [(0, Episode(2.0, 2)), (0, second), (1, Episode(4.0, 4))]
    assert counter.resetting.tolist() == ([False, False] if same_step else [True, True])


def test_averages_are_over_those_who_report():
    assert averaged([{"a": 1.0, "b": 4.0}, {"a": 3.0}]) == {"a": 2.0, "b": 4.0}
    assert averaged([]) == {}


@pytest.mark.parametrize(
    ("env", "options", "expected"),
    [
        ("CartPole-v1", {"frameskip": 3}, 1),
        ("ALE/Pong-v5", {}, 4),
        ("ALE/Pong-v5", {"frameskip": 2}, 2),
        (object, {}, 1),
    ],
)
def test_frames_per_step(env, options, expected):
    config = PPOConfig().environment(env, env_config=options)
    assert frames_per_step(config) == expected
