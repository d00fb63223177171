"""The environment that only waits."""

import time

import pytest

from rllib_zoo.envs import EnvironmentRequestError, make_vector_env

ENV = "envs.waiting.Waiting"


def test_it_takes_time_but_no_processor():
    vector = make_vector_env(ENV, 1, {"milliseconds": 10, "k": 50})
    vector.reset(seed=0)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(20):
        vector.step([0])
    assert time.perf_counter() - wall >= 0.2
    assert time.process_time() - processor < 0.1


def test_an_episode_pays_one_a_step():
    vector = make_vector_env(ENV, 1, {"milliseconds": 0, "k": 3})
    vector.reset(seed=0)
    ends = [(float(r[0]), bool(t[0])) for _, r, t, _, _ in (vector.step([1]) for _ in range(3))]
    assert ends == [(1.0, False), (1.0, False), (1.0, True)]


def test_a_negative_wait_is_refused():
    with pytest.raises(EnvironmentRequestError, match="must not be negative"):
        make_vector_env(ENV, 1, {"milliseconds": -1})
