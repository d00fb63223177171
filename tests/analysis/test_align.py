"""Curves on one grid, and one number per run."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from rllib_zoo.analysis.align import align
from rllib_zoo.analysis.scoring.scores import normalised, score, time_to


def table(*runs):
    """Rows of runs given as (steps, returns)."""
    rows = [
        {"run": run, "steps": s, "return_mean": r, "seconds": s / 10}
        for run, (steps, returns) in enumerate(runs)
        for s, r in zip(steps, returns, strict=True)
    ]
    return pd.DataFrame(rows)


def test_the_earlier_result_holds_until_the_next():
    aligned = align(table(([0, 10, 20], [1.0, 2.0, 3.0])), points=5)
    assert aligned.grid_G.tolist() == [0, 5, 10, 15, 20]
    assert aligned.values_RG.tolist() == [[1.0, 1.0, 2.0, 2.0, 3.0]]


def test_nothing_is_extrapolated():
    aligned = align(table(([0, 10, 20, 40], [1, 2, 3, 4]), ([10, 20], [5, 6])), points=5)
    assert aligned.values_RG[1, [1, 2]].tolist() == [5.0, 6.0]
    assert np.isnan(aligned.values_RG[1, [0, 3, 4]]).all()
    assert aligned.counts_G.tolist() == [1, 2, 2, 1, 1]
    common = aligned.common()
    assert common.grid_G.tolist() == [10, 20]
    assert common.runs == (0, 1)


def test_other_axes_and_rows_without_a_number():
    curves = table(([0, 10, 20], [math.nan, 2.0, 3.0]))
    aligned = align(curves, axis="seconds", points=2)
    assert aligned.grid_G.tolist() == [1, 2]
    with pytest.raises(ValueError, match="axis 'time' is unknown"):
        align(curves, axis="time")
    with pytest.raises(ValueError, match="no run has return_mean"):
        align(curves.assign(return_mean=math.nan))


@pytest.mark.parametrize(("measure", "expected"), [("final", 3.0), ("average", 2.0), ("best", 9.0)])
def test_scores_of_a_run(measure, expected):
    # 0 to 10: 1, 10 to 20: 9, 20 to 100: 1.25, so (10 + 90 + 100) / 100 = 2.
    curve = table(([0, 10, 20, 100], [1.0, 9.0, 1.25, 3.0]))
    assert score(curve, measure) == pytest.approx(expected)


def test_runs_without_an_episode_have_no_score():
    curve = table(([0, 10], [math.nan, math.nan]))
    assert all(math.isnan(score(curve, measure)) for measure in ("final", "average", "best"))
    assert score(table(([10], [4.0])), "average") == 4.0
    with pytest.raises(ValueError, match="measure 'last' is unknown"):
        score(curve, "last")


def test_when_a_threshold_was_reached():
    curve = table(([0, 10, 20], [1.0, 5.0, 2.0]))
    assert time_to(curve, 5.0) == 10
    assert time_to(curve, 3.0, "seconds") == 1.0
    assert math.isnan(time_to(curve, 5.1))
    with pytest.raises(ValueError, match="unknown"):
        time_to(curve, 1.0, "hours")


def test_normalised_by_random_and_reference():
    assert normalised(-20.7, "ALE/Pong-v5") == pytest.approx(0.0)
    assert normalised(14.6, "ALE/Pong-v5") == pytest.approx(1.0)
    assert math.isnan(normalised(1.0, "Nowhere-v0"))
