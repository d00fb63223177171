"""Ratios, spreads, ceilings and remaining time by hand."""

import pytest

from rllib_zoo.benchmarks.speed.arithmetic import (
    Spread,
    ceiling,
    good_values,
    pair_ratios,
    problems,
    remaining_seconds,
    speed_ratio,
    spread,
    time_ratio,
)

SECONDS = "seconds_from_process_start_to_threshold"


def row(name, number, rate=None, status="ok", mode="speed", **more):
    return {
        "name": name,
        "round": number,
        "mode": mode,
        "status": status,
        "steps_per_s": rate,
        "seconds_of_process": 10.0,
        **more,
    }


def test_spread():
    assert spread([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0, 3)
    assert spread([1.0, 4.0]) == Spread(1.0, 2.5, 4.0, 2)
    assert spread([]) is None


def test_failed_runs_and_other_modes_have_no_values():
    rows = [row("a", 0, 5.0), row("a", 1, 7.0, status="failed"), row("b", 2, 9.0)]
    rows += [row("a", 3, 1.0, mode="threshold"), row("a", 4, None)]
    assert good_values(rows, "a", "speed", "steps_per_s") == {0: 5.0}
    assert problems(rows) == [rows[1]]


def test_ratios_pair_the_runs_of_a_round():
    assert pair_ratios({0: 10.0, 1: 30.0, 2: 5.0}, {0: 5.0, 1: 10.0, 3: 1.0}) == [2.0, 3.0]
    assert pair_ratios({0: 1.0}, {0: 0.0}) == []


def test_speed_is_ours_over_the_peers_and_time_the_peers_over_ours():
    rows = [row("ours", 0, 30.0), row("peer", 0, 10.0)]
    assert speed_ratio(rows, "ours", "peer") == Spread(3.0, 3.0, 3.0, 1)
    rows = [
        row("ours", 0, mode="threshold", **{SECONDS: 4.0}),
        row("peer", 0, mode="threshold", **{SECONDS: 20.0}),
    ]
    assert time_ratio(rows, "ours", "peer") == Spread(5.0, 5.0, 5.0, 1)


@pytest.mark.parametrize(
    ("passes", "expected"), [(1, 1000.0), (4, 1 / (1 / 4000 + 1 / 4000 + 4 / 2000))]
)
def test_ceiling_adds_times_not_rates(passes, expected):
    # One pass: 0.25 + 0.25 + 0.5 ms a step.
    assert ceiling(4000.0, 4000.0, 2000.0, passes) == pytest.approx(expected)


def test_remaining_time():
    assert remaining_seconds([], [("a", "speed")]) is None
    done = [row("a", 0), row("b", 0) | {"seconds_of_process": 30.0}]
    to_come = [("a", "speed"), ("b", "speed"), ("new", "speed")]
    assert remaining_seconds(done, to_come) == 10.0 + 30.0 + 20.0
