"""Numbers of a result: all at once are the same as one by one, whatever release wrote them."""

from __future__ import annotations

import math

import pytest

from rllib_zoo.analysis.files.columns import COLUMNS, number_of, numbers_of

NEW = {
    "env_runners": {"num_env_steps_sampled_lifetime": 20, "episode_return_mean": 1.5},
    "learners": {"default_policy": {"entropy": 0.25, "curr_lr": 1e-3, "vf_loss": True}},
    "training_iteration": 3,
    # Of a lower rank than what is above, and below in older releases' places.
    "timesteps_total": 99, "episode_reward_mean": 7.0,
}  # fmt: skip
OLD = {
    "timesteps_total": 10**400,
    "info": {"learner": {"default_policy": {"learner_stats": {"entropy": 0.5}, "entropy": 9.0}}},
    "hist_stats": {"episode_reward": [1.0, 2.0, 3.0]},
    "env_runners": None,
    "episode_reward_mean": math.nan,
}


@pytest.mark.parametrize("result", [NEW, OLD, {}, {"env_runners": [1], "info": {"learner": 3}}])
def test_all_at_once_are_the_numbers_one_by_one(result):
    one_by_one = [number_of(result, column) for column in COLUMNS]
    assert numbers_of(result) == pytest.approx(one_by_one, nan_ok=True)


def test_the_first_path_that_leads_to_a_number_counts():
    new, old = (dict(zip(COLUMNS, numbers_of(r), strict=True)) for r in (NEW, OLD))
    assert (new["steps"], new["return_mean"], new["iterations"]) == (20.0, 1.5, 3.0)
    assert (new["entropy"], new["learning_rate"]) == (0.25, 1e-3)
    assert math.isnan(new["vf_loss"])  # true is no number
    assert math.isnan(old["steps"])  # beyond floats
    assert (old["entropy"], old["window"]) == (0.5, 3.0)
