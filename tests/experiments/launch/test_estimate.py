"""From a few iterations to minutes, by hand."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.launch.estimate import STEPS, Measured, estimate

# Ten seconds of warming up, then 1,000 steps/s and half an iteration a second.
THREE_ITERATIONS = Measured(
    results=[
        {STEPS: 2000.0, "timesteps_total": 2000.0, "training_iteration": 1.0},
        {STEPS: 4000.0, "timesteps_total": 4000.0, "training_iteration": 2.0},
        {STEPS: 6000.0, "timesteps_total": 6000.0, "training_iteration": 3.0},
    ],
    ends=[10.0, 12.0, 14.0],
    memory_mib=512.4,
)


def numbers(stop, trials=1, concurrent=1, budget_s=None, measured=THREE_ITERATIONS):
    return estimate(measured, stop, trials=trials, concurrent=concurrent, budget_s=budget_s)


def test_the_first_iteration_warms_up():
    assert THREE_ITERATIONS.rate(STEPS) == 1000.0
    alone = Measured(results=THREE_ITERATIONS.results[:1], ends=[10.0])
    assert alone.rate(STEPS) == 200.0
    assert Measured().rate(STEPS) is None


@pytest.mark.parametrize(
    ("stop", "minutes"),
    [
        ({"timesteps_total": 600_000}, 10.0),
        ({"training_iteration": 60}, 2.0),
        ({"timesteps_total": 600_000, "training_iteration": 60}, 2.0),
        ({"timesteps_total": 600_000, "time_total_s": 300}, 5.0),
        ({"timesteps_total": 600_000, "episode_reward_mean": 475}, 10.0),
    ],
)
def test_the_first_bound_decides(stop, minutes):
    estimates = numbers(stop)
    assert estimates["minutes_per_trial_at_most"] == estimates["minutes_in_all_at_most"] == minutes
    assert estimates["measured"] == "3 iterations in 14.0 s"
    assert (estimates["steps_per_second"], estimates["memory_mib"]) == (1000.0, 512)


def test_trials_run_in_rounds():
    assert numbers({"training_iteration": 60}, 5, 2)["minutes_in_all_at_most"] == 6.0
    estimates = numbers({"training_iteration": 60}, 5, 2, budget_s=90)
    assert estimates["minutes_in_all_at_most"] == 1.5
    assert estimates["minutes_per_trial_at_most"] == 2.0


def test_a_score_alone_gives_no_duration():
    estimates = numbers({"episode_reward_mean": 475, "episodes_total": 100})
    assert not [name for name in estimates if name.startswith("minutes")]
    estimates = numbers({"episode_reward_mean": 475}, budget_s=60)
    assert estimates["minutes_in_all_at_most"] == 1.0


def test_without_an_iteration_only_that_is_reported():
    assert list(numbers({"training_iteration": 1}, measured=Measured())) == ["measured"]
