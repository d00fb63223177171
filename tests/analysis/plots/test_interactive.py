"""The plots of the page have the numbers of the figures beside it, and names as they are."""

import numpy as np
import pytest

from rllib_zoo.analysis.plots import interactive
from rllib_zoo.analysis.plots.bands import Band
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.style import COLOURS

NAN = float("nan")


def band(value, *, runs=3, short=()):
    grid = np.array([0.0, 1000.0, 2000.0])
    value = np.array(value)
    return Band("return_mean", "steps", grid, value, value - 1, value + 1, runs, (), short)


def test_a_line_has_its_interval_and_its_group():
    plot = interactive.curves({"PPO": band([1.0, 2.0, 123456.7])}, {"PPO": 3})
    area, line = plot["data"]
    assert (line["x"], line["y"]) == ([0.0, 1000.0, 2000.0], [1.0, 2.0, 123457.0])
    assert line["customdata"][1] == [1.0, 3.0]
    assert area["y"] == [2.0, 3.0, 123458.0, 123456.0, 1.0, 0.0]
    assert line["line"]["color"] == "@3"
    assert area["fillcolor"] == "@3a"
    assert {trace["legendgroup"] for trace in plot["data"]} == {"PPO"}
    assert plot["layout"]["xaxis"]["tickformat"] == "~s"


def test_a_single_run_has_no_interval_and_one_that_ended_early_a_cross():
    short = ((np.array([0.0, 500.0]), np.array([1.0, NAN])),)
    plot = interactive.curves({"PPO": band([1.0, 2.0, 3.0], runs=1, short=short)}, {"PPO": 0})
    line, run, cross = plot["data"]
    assert "customdata" not in line
    assert (run["x"], run["y"]) == ([0.0, 500.0, None], [1.0, None, None])
    assert (cross["x"], cross["marker"]["symbol"]) == ([500.0], "x")
    assert line["meta"] == "1 run, 1 ended early"


def test_more_groups_than_colours_have_other_dashes():
    numbers = {f"g{i}": i for i in range(2 * len(COLOURS))}
    plot = interactive.curves({name: band([1.0, 2.0, 3.0], runs=1) for name in numbers}, numbers)
    styles = {(int(t["line"]["color"][1:]) % len(COLOURS), t["line"]["dash"]) for t in plot["data"]}
    assert len(styles) == len(numbers)


def test_rows_have_the_interval_and_the_name_as_text():
    plot = interactive.intervals(
        {"<b>": Estimate(2.0, 1.0, 4.0, 5), "one": Estimate(3.0, NAN, NAN, 1)}, {"<b>": 2, "one": 1},
        note="", xlabel="score",
    )  # fmt: skip
    first, second = plot["data"]
    assert first["error_x"]["array"] == [2.0]
    assert first["error_x"]["arrayminus"] == [1.0]
    assert second["error_x"]["array"] == [0.0]
    assert plot["layout"]["annotations"][0]["text"].startswith("&lt;b&gt; ")


def test_cells_have_holes_and_shares():
    scores = np.array([[1.0, np.nan], [3.0, 2.0]])
    plot = interactive.cells(["a", "b"], ["x", "y"], scores, note="", keys=("k", "l"))
    assert [shape["fillcolor"] for shape in plot["layout"]["shapes"]] == ["@s0", "@s100", "@s50"]
    assert plot["data"][0]["text"][1] == "k b, l x: 3"


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.123456789, 0.0], [0.12346, 0.0]), ([1e6 + 0.4], [1e6]), ([0.0], [0.0]), ([NAN, 2.0], [None, 2.0])],
)  # fmt: skip
def test_numbers_have_the_digits_of_a_screen(values, expected):
    assert interactive.rounded(np.array(values)) == expected
