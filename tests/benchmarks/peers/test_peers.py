"""What the workers share: settings as keywords, random play, threads of a variant."""

import os

import pytest

from rllib_zoo.benchmarks.peers.protocol import threads_of
from rllib_zoo.benchmarks.peers.random_actions import play
from rllib_zoo.envs import make_vector_env


class Never:
    """A goal that is never reached and records the steps it was called with."""

    least_steps, seed = 0, 0

    def __init__(self):
        self.steps = []

    def reached(self, steps, returns):
        self.steps.append(steps)
        return False


def test_random_play_counts_every_copy_and_ends_at_the_limit():
    env, goal = make_vector_env("CartPole-v1", 4, vectorize_mode="sync"), Never()
    play(env, goal, limit=10)
    assert goal.steps == [0, 4, 8, 12]
    assert env.closed


def test_all_threads_are_one_per_core_of_the_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 3})
    assert (threads_of("one"), threads_of("all")) == (1, 3)


def test_settings_are_keywords_and_starts_fall_to_zero():
    pytest.importorskip("stable_baselines3")
    from rllib_zoo.benchmarks.peers.sb3 import keywords

    settings = {"n_envs": 8, "n_steps": 5, "learning_rate_start": 0.5, "total_steps": 9}
    arguments = keywords(settings)
    falling = arguments.pop("learning_rate")
    assert arguments == {"device": "cpu", "n_steps": 5}
    assert [falling(remaining) for remaining in (1.0, 0.5, 0.0)] == [0.5, 0.25, 0.0]
