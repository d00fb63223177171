"""A clock that is set back makes no iteration shorter."""

from __future__ import annotations

import itertools
import time

import pytest
from algorithm_fixtures import SMALL_DQN, small_config

from rllib_zoo.algorithms import config_class

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("name", ["A2C", "DQN"])
def test_a_clock_set_back_changes_no_duration(make_algo, monkeypatch, name):
    if name == "DQN":
        short = {**SMALL_DQN, "min_sample_timesteps_per_iteration": 20}
        algo = make_algo(config_class(name)().update_from_dict({"env": "CartPole-v1", **short}))
    else:
        algo = make_algo(small_config(name))
    now, hours = time.time(), itertools.count()
    monkeypatch.setattr(time, "time", lambda: now - 3600 * next(hours))
    start = time.monotonic()
    results = [algo.train() for _ in range(2)]
    assert next(hours) > 2  # Ray has looked at that clock
    assert all(result["time_this_iter_s"] > 0 for result in results)
    total = results[-1]["time_total_s"]
    assert total == pytest.approx(sum(result["time_this_iter_s"] for result in results))
    assert total <= time.monotonic() - start
