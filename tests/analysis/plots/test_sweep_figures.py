"""Sweeps and ablations: which figures they get, and that these show the numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.plots import sweep_figures as draw_sweeps
from rllib_zoo.analysis.plots.figures import MAX_LINES, figures
from rllib_zoo.analysis.plots.sweep_figures import runner_rates, sweep_figures
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.summary import UnknownGroupError, summarise


@pytest.fixture
def sweep(trial, tmp_path):
    """Trials of one algorithm that differ in the settings given; their score is given too."""

    def write(*settings):
        for number, (config, score) in enumerate(settings):
            for seed in (0, 1):
                trial(
                    f"{number}-{seed}", returns=(0.0, score + seed), config={**config, "seed": seed}
                )
        results = load([tmp_path / "results"])
        return results, summarise(results, resamples=100)

    return write


def names(results, summary):
    return {drawn.name for drawn in sweep_figures(results.curves, summary, "CartPole-v1")}


def test_one_key_is_a_line(sweep):
    results, summary = sweep(*(({"lr": lr}, 10 * lr) for lr in (0.1, 0.01, 0.001)))
    assert names(results, summary) == {"cartpole-v1-ppo-sensitivity"}


def test_two_values_of_one_key_are_no_sweep(sweep):
    assert names(*sweep(({"lr": 0.1}, 1.0), ({"lr": 0.2}, 2.0))) == set()


def test_two_keys_are_a_map_and_coordinates(sweep):
    grid = [({"lr": lr, "lambda": lam}, lr + lam) for lr in (0.1, 0.2) for lam in (0.9, 1.0)]
    found = names(*sweep(*grid))
    each = {
        f"cartpole-v1-ppo-{name}" for name in ("importance", "sensitivity-lr", "sensitivity-lambda")
    }
    assert found == {"cartpole-v1-ppo-map", "cartpole-v1-ppo-coordinates"} | each


def test_a_random_search_is_no_map(sweep):
    drawn = [({"lr": 0.1 + i, "lambda": 0.9 + i}, float(i)) for i in range(6)]
    assert "cartpole-v1-ppo-map" not in names(*sweep(*drawn))


def test_runners_are_scaling(sweep):
    results, summary = sweep(*(({"num_env_runners": n}, 1.0) for n in (1, 2, 4)))
    found = names(results, summary)
    assert found == {"cartpole-v1-ppo-worker-scaling", "cartpole-v1-ppo-sensitivity"}
    rates = runner_rates(results.curves, summary.sweeps["CartPole-v1", "PPO"])
    assert rates == {1: [100.0] * 2, 2: [100.0] * 2, 4: [100.0] * 2}


def test_sensitivity_shows_the_estimates_in_order():
    found = [Estimate(v, v - 1, v + 1, 5) for v in (3.0, 1.0, 2.0)]
    ax = draw_sweeps.sensitivity(
        plt.subplots()[1], [1e-2, 1e-4, 1e-3], found, key="lr", ylabel="score"
    )
    line = ax.get_lines()[0]
    assert line.get_xdata().tolist() == [1e-4, 1e-3, 1e-2]
    assert line.get_ydata().tolist() == [1.0, 2.0, 3.0]
    assert ax.get_xscale() == "log"


def test_a_map_says_its_numbers_and_its_holes():
    scores = np.array([[1.0, np.nan], [3.0, 4.0]])
    ax = draw_sweeps.sensitivity_of_two(
        plt.subplots()[1], [1, 2], ["a", "b"], scores, keys=("n", "kind"), label="score"
    )
    assert [text.get_text() for text in ax.texts] == ["1", "–", "3", "4"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b"]


def test_parallel_coordinates_have_a_line_for_every_trial():
    settings = [{"lr": 0.1, "use": True}, {"lr": 0.001, "use": False}, {"lr": 0.01, "use": True}]
    ax = draw_sweeps.parallel_coordinates(
        plt.subplots()[1], settings, [1.0, 3.0, 2.0], label="score"
    )
    heights = {tuple(np.round(line.get_ydata(), 3)) for line in ax.get_lines()}
    assert heights == {(1.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.5, 1.0, 0.5)}


def test_worker_scaling_has_the_line_of_no_loss():
    ax = draw_sweeps.worker_scaling(plt.subplots()[1], {1: [100.0, 120.0], 4: [300.0]})
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert list(lines["median of runs"]) == [110.0, 300.0]
    assert list(lines["in proportion to the first"]) == [110.0, 440.0]


def test_ablation_bars_are_differences_from_the_baseline(sweep):
    results, _ = sweep(({"clip": 0.1}, 5.0), ({"clip": 0.2}, 9.0), ({"clip": 0.3}, 2.0))
    summary = summarise(results, resamples=100, baseline="PPO clip=0.2")
    less = summary.differences["CartPole-v1"]
    assert {g: e.value for g, e in less.items()} == {"PPO clip=0.1": -4.0, "PPO clip=0.3": -7.0}
    ax = draw.ablation(plt.subplots()[1], less, baseline="PPO clip=0.2")
    assert [bar.get_width() for bar in ax.patches] == [-4.0, -7.0]
    drawn = {d.name for d in figures(results, summary, "PPO clip=0.2")}
    assert "cartpole-v1-ablation" in drawn


def test_a_baseline_that_is_not_there(sweep):
    results, _ = sweep(({}, 1.0))
    with pytest.raises(UnknownGroupError, match="choose from 'PPO'"):
        summarise(results, resamples=100, baseline="A2C")


def test_of_many_groups_the_best_are_drawn_and_the_title_says_so(sweep):
    results, summary = sweep(*(({"lr": 0.1 + i}, float(i)) for i in range(MAX_LINES + 2)))
    drawn: dict = {}
    for figure in figures(results, summary):
        drawn[figure.name] = figure
        if figure.name == "cartpole-v1-scores":
            break
    curves = drawn["cartpole-v1-return-over-steps"]
    assert curves.title.endswith(f"(best {MAX_LINES} of {MAX_LINES + 2} groups)")
    assert "lr=8.1" in curves.svg
    assert "lr=1.1" not in curves.svg
    assert "lr=1.1" in drawn["cartpole-v1-scores"].svg
