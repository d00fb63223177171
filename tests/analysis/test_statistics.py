"""Measures and intervals: known answers, rliable's numbers, and the seeded bootstrap."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rllib_zoo.analysis.options import SEED
from rllib_zoo.analysis.statistics import (
    MAX_NETWORK,
    caveat,
    curve_interval,
    estimate,
    iqm,
    mean,
    median,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    resample,
    sorting_network,
)

REFERENCE = json.loads((Path(__file__).parent / "reference" / "rliable_numbers.json").read_text())
MEASURES = (mean, median, iqm, optimality_gap)
shapes = pytest.mark.parametrize("name", REFERENCE["shapes"])


def matrix(shape, seed):
    return np.random.default_rng(seed).gamma(2.0, size=shape) - 1.0


def tasks(scores_RK):
    return list(scores_RK.T)


@pytest.fixture
def of():
    """rliable's numbers and the two matrices they are of."""

    def numbers(name):
        shape = tuple(REFERENCE["shapes"][name])
        return REFERENCE["found"][name], matrix(shape, 1), matrix(shape, 2) + 0.3

    return numbers


@shapes
def test_measures_are_rliables(of, name):
    found, first, second = of(name)
    assert [m(tasks(first)) for m in MEASURES] == pytest.approx(found["aggregates"], abs=1e-9)
    profile = performance_profile(tasks(first), np.array(REFERENCE["tau"]))
    assert profile == pytest.approx(np.array(found["profile"]), abs=1e-9)
    improved = probability_of_improvement(tasks(first), tasks(second))
    assert improved == pytest.approx(found["improvement"], abs=1e-9)


@shapes
def test_the_same_resamples_give_the_same_numbers(of, name):
    found, first, _ = of(name)
    generator = np.random.default_rng(3)
    runs, number = first.shape
    for expected in found["resampled"]:
        drawn = [task[generator.integers(runs, size=runs)] for task in tasks(first)]
        assert len(drawn) == number
        assert [m(drawn) for m in MEASURES] == pytest.approx(expected, abs=1e-9)


@shapes
def test_intervals_agree_with_rliables(of, name):
    found, first, _ = of(name)
    for index, measure in enumerate(MEASURES):
        ours = estimate(measure, tasks(first), resamples=20_000)
        width = found["intervals"][1][index] - found["intervals"][0][index]
        assert ours.low == pytest.approx(found["intervals"][0][index], abs=0.05 * width)
        assert ours.high == pytest.approx(found["intervals"][1][index], abs=0.05 * width)


def test_answers_worked_out_by_hand():
    assert iqm([np.array([0.0, 1.0, 2.0, 100.0])]) == 1.5
    assert iqm([np.array([5.0])]) == 5.0
    assert median([np.array([1.0, 2.0, 90.0])]) == 2.0
    assert median([np.array([1.0, 3.0]), np.array([10.0]), np.array([4.0])]) == 4.0
    # Tasks weigh alike, whatever their numbers of runs.
    assert mean([np.array([1.0, 2.0]), np.array([6.0])]) == 3.75
    assert optimality_gap([np.array([0.5, 1.0]), np.array([2.0])]) == 0.125
    assert optimality_gap([np.array([0.5, 2.0])]) == 0.25
    one, other = [np.array([1.0, 2.0])], [np.array([1.0, 0.0])]
    # 1 > 0, 2 > 1, 2 > 0 win, 1 = 1 is half.
    assert probability_of_improvement(one, other) == 0.875
    profile = performance_profile([np.array([1.0, 3.0])], np.array([0.0, 1.0, 2.0, 3.0]))
    assert profile.tolist() == [1.0, 0.5, 0.5, 0.0]


@pytest.mark.parametrize("sizes", [(2, 3), (3, 5, 10), (1, 4), (7, 7)])
def test_a_task_with_fewer_runs_weighs_as_much_in_the_interquartile_mean(sizes):
    scores = [np.random.default_rng(size).normal(size=size) for size in sizes]
    repeated = [np.repeat(task, math.lcm(*sizes) // len(task)) for task in scores]
    assert iqm(scores) == pytest.approx(stats.trim_mean(np.concatenate(repeated), 0.25), abs=1e-12)


def test_different_numbers_of_tasks_are_refused():
    with pytest.raises(ValueError, match="1 tasks against 2"):
        probability_of_improvement([np.ones(2)], [np.ones(2), np.ones(2)])


def test_resampling_is_stratified():
    drawn = resample([np.zeros(4), np.ones(6)], 50, np.random.default_rng(0))
    assert [part.shape for part in drawn] == [(50, 4), (50, 6)]
    assert (drawn[0] == 0).all()
    assert (drawn[1] == 1).all()


def test_the_same_call_gives_the_same_interval():
    scores = [np.random.default_rng(0).normal(size=9)]
    first = estimate(iqm, scores, seed=5)
    assert estimate(iqm, scores, seed=5) == first
    assert estimate(iqm, scores, seed=6) != first


def test_an_interval_covers_what_it_should():
    # The mean of 10 normal scores: a 95 % percentile interval covers 0 in about 90 % of samples.
    covered = 0
    for seed in range(200):
        sample = [np.random.default_rng(seed).normal(size=10)]
        found = estimate(mean, sample, resamples=400)
        covered += found.low <= 0 <= found.high
    assert 165 <= covered <= 196


def test_one_run_has_no_interval():
    found = estimate(iqm, [np.array([3.0])])
    assert (found.value, found.runs) == (3.0, 1)
    assert np.isnan([found.low, found.high]).all()
    assert "single run" in caveat(1)
    assert "too few" in caveat(4)
    assert caveat(5) == ""


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="no run"):
        estimate(iqm, [np.array([])])


@pytest.mark.parametrize("statistic", ["iqm", "mean", "median"])
def test_curves_get_an_interval_at_every_point(statistic):
    values_RG = np.arange(6.0)[:, None] + np.array([0.0, 100.0])
    value, low, high = curve_interval(values_RG, statistic, resamples=500)
    assert value.tolist() == [2.5, 102.5]
    assert (low < value).all()
    assert (value < high).all()
    again = curve_interval(values_RG, statistic, resamples=500)
    assert all(np.array_equal(a, b) for a, b in zip((value, low, high), again, strict=True))


@pytest.mark.parametrize("number", [*range(1, 12), 16, 17, 31, 32])
def test_a_sorting_network_sorts(number):
    # Whatever sorts all zeros and ones sorts everything (Knuth, 5.3.4 Z).
    values_NB = np.random.default_rng(number).integers(2, size=(number, 4_000))
    if number <= 11:
        values_NB = (np.arange(2**number) >> np.arange(number)[:, None]) & 1
    for i, j in sorting_network(number):
        values_NB[[i, j]] = np.sort(values_NB[[i, j]], axis=0)
    assert (np.diff(values_NB, axis=0) >= 0).all()


@pytest.mark.parametrize("runs", [2, 5, 10, MAX_NETWORK, MAX_NETWORK + 1])
def test_a_curve_is_the_trimmed_mean_of_its_runs(runs):
    values_RG = np.random.default_rng(runs).normal(size=(runs, 7))
    before = values_RG.copy()
    value_G, low_G, high_G = curve_interval(values_RG, resamples=300)
    assert (values_RG == before).all()
    assert value_G == pytest.approx(stats.trim_mean(values_RG, 0.25), abs=1e-12)
    picks_BR = np.random.default_rng(SEED).integers(runs, size=(300, runs))
    draws_BG = np.array([stats.trim_mean(values_RG[picks_R], 0.25) for picks_R in picks_BR])
    ends = np.percentile(draws_BG, [2.5, 97.5], axis=0)
    assert np.array([low_G, high_G]) == pytest.approx(ends, abs=1e-12)
