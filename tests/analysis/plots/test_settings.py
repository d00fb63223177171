"""What settings of a sweep do one by one: known importances, the score over values of all runs."""

import numpy as np
import pandas as pd
import pytest

from rllib_zoo.analysis.plots.settings import PARTS, importances, over_values


def grid():
    """Scores that depend on the rate alone."""
    rows = [
        (lr, lam, use) for lr in (0.001, 0.01, 0.1) for lam in (0.9, 0.95) for use in (True, False)
    ]
    table = pd.DataFrame(rows, columns=["lr", "lambda", "use"])
    return table, [10 * np.log10(lr) for lr in table["lr"]]


def test_what_decides_is_all_that_matters():
    pytest.importorskip("optuna", reason="the extra 'search' is not installed")
    table, scores = grid()
    found = importances(table, scores)
    assert next(iter(found)) == "lr"
    assert found["lr"] > 0.95
    assert sum(found.values()) == pytest.approx(1.0)
    assert importances(table, scores) == found


def test_equal_scores_and_few_runs_tell_nothing():
    table, scores = grid()
    assert importances(table, [1.0] * len(table)) == {}
    assert importances(table[:4], scores[:4]) == {}


def test_the_score_over_a_setting_is_of_all_runs_with_each_value():
    values, estimates = over_values([1, 0.1, 1.0, 0.1], [3.0, 0.0, 5.0, 2.0], seed=0, resamples=100)
    assert values == [0.1, 1]
    assert [(e.value, e.runs) for e in estimates] == [(1.0, 2), (4.0, 2)]
    values, _ = over_values(["b", "a", "b"], [1.0, 2.0, 3.0], seed=0, resamples=100)
    assert values == ["a", "b"]


def test_many_numbers_are_gathered_and_many_names_left_out():
    numbers = list(np.linspace(0.0, 1.0, 60))
    values, estimates = over_values(numbers, numbers, seed=0, resamples=100)
    assert len(values) == PARTS
    assert values == sorted(values)
    assert {estimate.runs for estimate in estimates} == {10}
    names = [f"name{i}" for i in range(60)]
    assert over_values(names, numbers, seed=0, resamples=100) == ([], [])
