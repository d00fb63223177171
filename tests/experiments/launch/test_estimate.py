"""From a few iterations to minutes, by hand."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.dry_run import require_dry_run
from rllib_zoo.experiments.launch.estimate import OVERHEAD, STEPS, Measured, estimate
from rllib_zoo.experiments.options import LaunchOptions

# Ten seconds of warming up, then 1,000 steps/s and half an iteration a second.
THREE_ITERATIONS = Measured(
    command_s=20.0 / OVERHEAD,
    start_s=40.0 / OVERHEAD,
    end_s=10.0 / OVERHEAD,
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
    ("stop", "trial", "whole"),
    [
        ({"timesteps_total": 600_000}, 11.0, 12.0),
        ({"training_iteration": 60}, 3.0, 3.4),
        ({"timesteps_total": 600_000, "training_iteration": 60}, 3.0, 3.4),
        ({"timesteps_total": 600_000, "time_total_s": 300}, 6.0, 6.4),
        ({"timesteps_total": 600_000, "episode_reward_mean": 475}, 11.0, 12.0),
    ],
)
def test_the_first_bound_decides(stop, trial, whole):
    # More than training: 50 s to start and end a trial, 10 s for its first iteration, 20 s for the command;
    # two digits, rounded up.
    estimates = numbers(stop)
    assert estimates["minutes_per_trial_at_most"] == trial
    assert estimates["minutes_in_all_at_most"] == whole
    assert estimates["rests_on"] == "3 iterations of one trial in 14.0 s"
    assert (estimates["steps_per_second"], estimates["memory_mib"]) == (1000.0, 512)


def test_trials_run_in_rounds_and_each_round_starts():
    estimates = numbers({"training_iteration": 65}, 5, 2)
    assert (estimates["rounds"], estimates["minutes_per_trial_at_most"]) == (3, 3.2)
    assert estimates["minutes_besides_training"] == 2.9  # 20 s + 3 x 50 s, rounded up
    assert estimates["minutes_in_all_at_most"] == 9.9  # 20 s + 3 x 190 s, rounded up
    estimates = numbers({"training_iteration": 65}, 5, 2, budget_s=90)
    assert estimates["minutes_in_all_at_most"] == 2.7  # 20 s + 90 s + 50 s, rounded up


def test_a_score_alone_gives_no_duration():
    estimates = numbers({"episode_reward_mean": 475, "episodes_total": 100})
    assert not [name for name in estimates if name.endswith("at_most")]
    estimates = numbers({"episode_reward_mean": 475}, budget_s=50)
    assert estimates["minutes_in_all_at_most"] == 2.0


def test_without_training_only_bounds_on_time_give_a_duration():
    estimates = numbers({"timesteps_total": 1000}, measured=Measured())
    assert list(estimates) == ["rests_on", "rounds", "minutes_besides_training"]
    assert "10 s to start and 7 s per trial" in estimates["rests_on"]
    measured = Measured(command_s=0.0, start_s=30.0 / OVERHEAD)
    estimates = numbers({"timesteps_total": 1000, "time_total_s": 90}, 2, measured=measured)
    assert estimates["minutes_in_all_at_most"] == 4.0
    assert estimates["rests_on"].startswith("no iteration ended in time")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"measure": True}, "--measure"),
        ({"dry_run": True, "measure_seconds": 3.0}, "--measure-seconds"),
    ],
)
def test_options_of_the_measurement_need_theirs(options, key):
    with pytest.raises(RequestError, match="only with") as refused:
        require_dry_run(LaunchOptions(**options))
    assert refused.value.key == key
