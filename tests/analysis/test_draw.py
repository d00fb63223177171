"""Figures show the numbers they are given, and say of how many runs."""

import html
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rllib_zoo.analysis import draw, style
from rllib_zoo.analysis.align import align_groups
from rllib_zoo.analysis.plots.bands import bands
from rllib_zoo.analysis.plots.figure_file import draw_figure
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.style import COLOURS, figure_style, line_style, short
from rllib_zoo.experiments.paths import ROOT


def table(*runs):
    """Curves of one group: each run is (group, returns), a result per 100 steps."""
    longest = max(len(returns) for _, returns in runs)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "run": number,
                    "group": group,
                    "steps": 100.0 * np.arange(1, len(returns) + 1),
                    "return_mean": returns,
                    "short": len(returns) < 0.9 * longest,
                }
            )
            for number, (group, returns) in enumerate(runs)
        ]
    )


@pytest.fixture
def ax():
    with figure_style():
        yield plt.subplots()[1]
    plt.close("all")


def test_a_line_is_the_statistic_of_the_whole_runs(ax):
    curves = table(("PPO", [0.0, 10.0, 20.0]), ("PPO", [0.0, 20.0, 40.0]), ("A2C", [5.0, 5.0, 5.0]))
    draw.learning_curves(ax, align_groups(curves), statistic="mean", resamples=50)
    first, second = ax.get_lines()
    assert (first.get_ydata()[-1], second.get_ydata()[-1]) == (5.0, 30.0)
    assert [line.get_label() for line in (first, second)] == ["A2C (1 run)", "PPO (2 runs)"]
    assert ax.get_xlabel() == "agent steps"


def test_a_run_that_ended_early_is_a_line_of_its_own(ax):
    curves = table(("PPO", [0.0, 10.0, 20.0]), ("PPO", [0.0]), ("PPO", [0.0, 10.0, 20.0]))
    draw.learning_curves(ax, align_groups(curves), resamples=50)
    whole, alone = ax.get_lines()
    assert whole.get_label() == "PPO (2 runs, 1 ended early)"
    assert whole.get_xdata()[-1] == 300.0
    assert alone.get_xdata()[-1] == 100.0
    assert alone.get_marker() == "x"


def test_runs_that_go_on_beyond_their_groups_line_are_seen(ax):
    """Both were done, the first because it was solved sooner."""
    curves = table(("PPO", [0.0, 10.0]), ("PPO", [0.0, 10.0, 20.0])).assign(short=False)
    draw.learning_curves(ax, align_groups(curves), resamples=50)
    group, solved, beyond = ax.get_lines()
    assert group.get_xdata()[-1] == pytest.approx(200.0, abs=2)
    assert (solved.get_xdata()[-1], solved.get_ydata()[-1]) == (200.0, 10.0)
    assert beyond.get_xdata()[0] == group.get_xdata()[-1]
    assert (beyond.get_xdata()[-1], beyond.get_ydata()[-1]) == (300.0, 20.0)


def test_random_play_and_the_target_are_lines(ax):
    curves = table(("PPO", [0.0, 10.0]))
    reference = REFERENCE_SCORES["ALE/Pong-v5"]
    draw.learning_curves(ax, align_groups(curves), reference=reference)
    assert {text.get_text() for text in ax.texts} == {"random", "human"}
    assert {line.get_ydata()[0] for line in ax.get_lines()[1:]} == {-20.7, 14.6}


def test_intervals_over_frames_are_those_over_steps_without_a_second_bootstrap():
    curves = table(*(("PPO", [float(run), 2.0 * run, 5.0 - run]) for run in range(5)))
    curves["frames"] = 4 * curves["steps"]
    steps, frames = (bands(align_groups(curves, axis=axis))["PPO"] for axis in ("steps", "frames"))
    assert frames.grid_G.tolist() == (4 * steps.grid_G).tolist()
    assert frames.low_G is steps.low_G
    other = bands(align_groups(curves), seed=1)["PPO"]
    assert other.value_G.tolist() == steps.value_G.tolist()
    assert other.low_G.tolist() != steps.low_G.tolist()


def test_bars_are_in_the_order_given_with_their_intervals(ax):
    draw.bars(ax, {"b": Estimate(2.0, 1.0, 4.0, 5), "a": Estimate(3.0, 3.0, 3.0, 1)}, xlabel="x")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b (5)", "a (1)"]
    assert [text.get_text() for text in ax.texts] == ["2", "3"]


def test_runs_that_never_reached_it_count_in_the_share(ax):
    draw.reached(ax, {"PPO": [100.0, float("nan")]}, threshold=475)
    (line,) = ax.get_lines()
    assert line.get_label() == "PPO (1 of 2 runs)"
    assert line.get_ydata()[-1] == 0.5


def test_improvement_has_its_middle(ax):
    draw.improvement(ax, {("PPO", "A2C"): Estimate(0.8, 0.6, 0.9, 5)})
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["PPO > A2C"]
    assert ax.get_lines()[-1].get_xdata()[0] == 0.5


def test_all_colours_of_figures_are_in_style():
    literal = re.compile(r"""(?:color|colour|cmap|"fc"|"ec")\s*[=:]\s*"(?!none)""")
    files = [*(ROOT / "analysis").rglob("*.py"), *(ROOT / "experiments" / "studies").rglob("*.py")]
    assert literal.search('ax.plot(x, color="0.5")')
    assert len(files) > 30
    assert [file.name for file in files if literal.search(file.read_text())] == []


def test_groups_are_told_apart_without_colour():
    styles = {(line_style(i)["color"], line_style(i)["linestyle"]) for i in range(4 * len(COLOURS))}
    assert len(styles) == 4 * len(COLOURS)


@pytest.mark.parametrize(
    ("value", "text"), [(1_500_000, "1.5M"), (200_000, "200k"), (50, "50"), (2e9, "2G")]
)
def test_steps_are_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(
    "name", ["$x$", r"$\frac$", "a_b$c^", "_hidden", r"\$y$", "$$", "<b>&x</b>"]
)
def test_names_are_no_formulas(name):
    """A name with dollars would be typeset, or raise; one with an underscore have no legend."""
    line = {1.0: [1.0, 2.0], 2.0: [2.0]}

    def paint(ax):
        draw.quartiles(ax, name, 0, line, scale="symlog")
        ax.set_xlabel(name)
        ax.set_xticks([1.0, 2.0], [name, name])
        style.legend(ax)
        return ax

    svg = draw_figure("x", name, paint).svg
    assert svg.count(html.escape(name, quote=False)) >= 5
    assert svg.count("runs)") == 1
