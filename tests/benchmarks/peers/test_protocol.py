"""The workers' clocks and last line."""

import json

import pytest

from rllib_zoo.benchmarks.peers.protocol import (
    WARM_UP_STEPS,
    ReturnGoal,
    SpeedGoal,
    ThresholdGoal,
    make_goal,
    parse,
    run_worker,
    versions_of,
)


def clock_of(*seconds):
    return iter(seconds).__next__


def test_speed_leaves_the_warm_up_out():
    goal = SpeedGoal(1_000, clock_of(0.0, 10.0, 11.0, 14.0))
    assert not goal.reached(WARM_UP_STEPS - 1, [])
    assert not goal.reached(WARM_UP_STEPS + 500, [])
    assert not goal.reached(WARM_UP_STEPS + 1_499, [])
    assert goal.reached(WARM_UP_STEPS + 2_500, [])
    # 2,000 steps between the second look and the fourth.
    assert goal.report() == {"steps": 2_000, "seconds": 4.0, "steps_per_s": 500.0}


def test_a_training_that_ends_early_has_no_speed():
    goal = SpeedGoal(1_000, clock_of(0.0, 1.0))
    goal.reached(WARM_UP_STEPS, [])
    with pytest.raises(RuntimeError, match="ended before"):
        goal.report()


def test_a_threshold_needs_a_hundred_episodes():
    goal = ThresholdGoal(475.0, spawned_at=5.0, clock=clock_of(25.0))
    assert not goal.reached(1_000, [500.0] * 99)
    assert not goal.reached(2_000, [474.0] * 100)
    assert goal.report()["status"] == "not reached"
    assert "after 2000 steps" in goal.report()["error"]
    assert goal.reached(3_000, [475.0] * 100)
    assert goal.report()["seconds_from_process_start_to_threshold"] == 20.0
    assert goal.report()["steps_to_threshold"] == 3_000


def test_a_return_is_told_after_its_steps_and_needs_a_hundred_episodes():
    goal = ReturnGoal(1_000, seed=7, clock=clock_of(2.0, 12.0))
    assert not goal.reached(999, [5.0] * 100)
    assert goal.reached(1_000, [5.0] * 50 + [7.0] * 50)
    assert goal.report() == {"steps": 1_000, "seconds": 10.0, "return_mean": 6.0}
    few = ReturnGoal(1_000, seed=7, clock=clock_of(2.0, 12.0))
    assert few.reached(1_500, [5.0] * 99)
    assert few.report()["status"] == "not reached"


def test_options_choose_the_goal():
    goal = make_goal(parse("", ["x"], ["x", "--return-at", "5", "--seed", "3"]))
    assert isinstance(goal, ReturnGoal)
    assert (goal.least_steps, goal.seed) == (5, 3)
    assert isinstance(make_goal(parse("", ["x"], ["x"])), SpeedGoal)
    options = parse("", ["x"], ["x", "--threshold", "475"])
    assert isinstance(make_goal(options), ThresholdGoal)


def last_row(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_worker_prints_its_row_last(capsys):
    def train(variant, goal, limit):
        print("chatter")
        for steps in (WARM_UP_STEPS, WARM_UP_STEPS + 100):
            goal.reached(steps, [])
        return {"settings": {"variant": variant}, "versions": {}}

    assert run_worker(parse("", ["x"], ["x", "--json", "--steps", "100"]), train) == 0
    row = last_row(capsys)
    assert (row["status"], row["steps"], row["settings"]) == ("ok", 100, {"variant": "x"})


def test_an_exception_is_a_row(capsys):
    def train(variant, goal, limit):
        raise ValueError("first line\nsecond line")

    assert run_worker(parse("", ["x"], ["x", "--json"]), train) == 1
    row = last_row(capsys)
    assert (row["status"], row["error"]) == ("failed", "ValueError: first line")


def test_packages_that_were_not_imported_have_no_version():
    assert set(versions_of("pytest", "no-such-package")) == {"pytest"}
