"""One line each: loading, tables and figures, against the numbers they are made of."""

import json
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from result_folders import result, write_trial

from rllib_zoo import analysis
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.style import line_style

HEAVY = "matplotlib", "pandas", "torch", "ray", "numpy"


@pytest.fixture
def ax():
    yield plt.figure().gca()
    plt.close("all")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """PPO with two learning rates and A2C, three seeds each, on CartPole and Pong."""
    folder = tmp_path_factory.mktemp("results")
    heights = {"CartPole-v1": 100.0, "ALE/Pong-v5": -10.0}
    for env, height in heights.items():
        for seed in range(3):
            for algorithm, lr, gain in (("PPO", 0.1, 5), ("PPO", 0.01, 3), ("A2C", 0.1, 1)):
                model = {"fcnet_hiddens": [8]} if algorithm == "A2C" else {}
                config = {"env": env, "seed": seed, "lr": lr} | ({"model": model} if model else {})
                write_trial(folder, f"{env}-{algorithm}-{lr}-{seed}".replace("/", ""), f"{algorithm}_x_00000",
                      returns=(height, height + gain + seed), config=config)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return analysis.load(folder)


def test_importing_the_package_is_light():
    code = f"import sys; from rllib_zoo import analysis; print({HEAVY} & sys.modules.keys())"
    code = code.replace(str(HEAVY), str(set(HEAVY)))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_every_public_name_is_there():
    assert {"load", "compare", "plot_curves"} < set(dir(analysis))
    assert all(callable(getattr(analysis, name)) for name in analysis.__all__)
    with pytest.raises(AttributeError, match="plot_curve'"):
        analysis.plot_curve  # noqa: B018


def test_folders_one_by_one_or_in_a_list(folder):
    folders = sorted(folder.iterdir())[:2]
    one_by_one, listed = analysis.load(*folders), analysis.load([str(f) for f in folders])
    assert len(one_by_one.runs) == len(listed.runs) == 2
    assert one_by_one.runs["path"].tolist() == listed.runs["path"].tolist()


def test_runs_have_a_column_per_key_that_a_run_sets(results):
    columns = {name for name in results.runs if name.startswith("config/")}
    assert columns == {"config/env", "config/seed", "config/lr", "config/model/fcnet_hiddens"}
    by_algorithm = results.runs.groupby("algorithm")["config/lr"].agg(set)
    assert by_algorithm.to_dict() == {"PPO": {0.1, 0.01}, "A2C": {0.1}}
    hidden = results.runs.set_index("algorithm")["config/model/fcnet_hiddens"]
    assert hidden["A2C"].tolist() == [[8]] * 6
    assert hidden["PPO"].isna().all()


def test_long_table_has_a_row_per_run_and_result(results):
    table = results.to_long()
    assert list(table)[:7] == ["run", "group", "algorithm", "env", "seed", "steps", "return"]
    assert len(table) == len(results.curves) == 36
    one = table[(table["group"] == "A2C") & (table["env"] == "ALE/Pong-v5") & (table["seed"] == 2)]
    assert one["return"].tolist() == [-10.0, -7.0]


def test_long_table_on_a_grid_has_equal_steps_for_all_runs(trial, tmp_path):
    trial("one", "PPO_x_00000", returns=(1.0, 2.0, 3.0))
    rows = [json.dumps(result(i, 10.0 * i) | {"config": {}}) for i in (1, 3, 5)]
    trial("two", "A2C_x_00000", lines=rows)
    table = analysis.load(tmp_path / "results").to_long(points=5)
    steps = {name: part["steps"].tolist() for name, part in table.groupby("algorithm")}
    assert steps == {"A2C": [100, 200, 300, 400, 500], "PPO": [100, 200, 300]}
    assert table["return"][table["algorithm"] == "A2C"].tolist() == [10.0, 10.0, 30.0, 30.0, 50.0]


def test_scores_are_matrices_of_runs_and_tasks(results):
    raw = results.scores(normalised=False)
    assert set(raw) == {"A2C", "PPO lr=0.01", "PPO lr=0.1"}
    assert raw["A2C"].tolist() == [[-9.0, 101.0], [-8.0, 102.0], [-7.0, 103.0]]
    pong, cartpole = REFERENCE_SCORES["ALE/Pong-v5"], REFERENCE_SCORES["CartPole-v1"]
    expected = [pong.normalised(-5.0), cartpole.normalised(105.0)]
    assert results.scores()["PPO lr=0.1"][0].tolist() == pytest.approx(expected)


def test_scores_refuse_unequal_numbers_of_runs(folder, tmp_path):
    write_trial(tmp_path, "more", "A2C_x_00000", returns=(1.0,), config={
        "env": "CartPole-v1", "seed": 9, "lr": 0.1, "model": {"fcnet_hiddens": [8]}})  # fmt: skip
    more = analysis.load(folder, tmp_path)
    with pytest.raises(ValueError, match=r"'A2C' has .*: 3 on ALE/Pong-v5, 4 on CartPole-v1"):
        more.scores()


def test_scores_refuse_environments_without_reference(trial, tmp_path):
    trial("one", "PPO_x_00000", returns=(1.0,), config={"env": "Own-v0", "seed": 0})
    results = analysis.load(tmp_path / "results")
    with pytest.raises(ValueError, match="Own-v0 has no reference score"):
        results.scores()
    assert results.scores(normalised=False)["PPO"].tolist() == [[1.0]]


def test_compare_has_a_row_per_environment(results):
    table = analysis.compare(results, "PPO lr=0.1", "A2C", n_boot=200)
    assert table["environment"].tolist() == ["ALE/Pong-v5", "CartPole-v1"]
    assert table["probability_of_improvement"].tolist() == [1.0, 1.0]
    assert table["iqm_difference"].tolist() == [4.0, 4.0]
    assert (table["iqm_difference_low"] <= 4.0).all()
    assert table[["runs_x", "runs_y"]].to_numpy().tolist() == [[3, 3], [3, 3]]
    swapped = analysis.compare(results, "A2C", "PPO lr=0.1", n_boot=200)
    assert swapped["iqm_difference"].tolist() == [-4.0, -4.0]


def test_sweep_table_begins_with_the_best(results):
    table = analysis.sweep_table(results, n_boot=200)
    assert table["config/lr"].tolist() == [0.1, 0.01] * 2
    assert table["iqm"].tolist() == [-4.0, -6.0, 106.0, 104.0]
    assert table["runs"].tolist() == [3] * 4
    assert set(table["algorithm"]) == {"PPO"}


def test_curves_are_drawn_on_the_given_axes_in_the_colours_of_groups(results, ax):
    assert analysis.plot_curves(results, env="CartPole-v1", n_boot=100, ax=ax) is ax
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["A2C (3 runs)", "PPO lr=0.01 (3 runs)", "PPO lr=0.1 (3 runs)"]
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(102.0)  # middle half of 101, 102, 103
    colours = [line.get_color() for line in ax.lines[:3]]
    assert colours == [line_style(number)["color"] for number in range(3)]


def test_without_axes_the_current_ones_are_drawn_on(results, ax):
    assert analysis.plot_profiles(results, env="ALE/Pong-v5", n_boot=100) is ax


def test_profiles_over_all_environments_are_of_normalised_scores(results, ax):
    analysis.plot_profiles(results, n_boot=100, ax=ax)
    assert "normalised" in ax.get_xlabel()
    assert len(ax.lines) == 3
    x, y = ax.lines[2].get_data()
    expected = (results.scores()["PPO lr=0.1"][..., None] > np.array(x)).mean(axis=(0, 1))
    assert np.asarray(y) == pytest.approx(expected)


@pytest.mark.parametrize("key", ["lr", "config/lr"])
def test_sensitivity_is_drawn_over_the_values(results, ax, key):
    analysis.plot_sensitivity(results, key, env="CartPole-v1", n_boot=100, ax=ax)
    x, y = ax.lines[0].get_data()
    assert (list(x), list(y)) == ([0.01, 0.1], [104.0, 106.0])
    assert ax.get_legend_handles_labels()[1] == ["PPO"]


def test_values_that_are_no_numbers_have_a_place_of_their_own(trial, tmp_path, ax):
    settings = {"PPO": ([[0, 1]], [[0, 2]]), "A2C": ([[0, 2]], [[0, 3]])}
    for algorithm, rates in settings.items():
        for n, lr in enumerate(rates):
            trial(f"{algorithm}{n}", f"{algorithm}_x_00000", returns=(float(n),), config={"lr": lr})
    results = analysis.load(tmp_path / "results")
    analysis.plot_sensitivity(results, "lr", n_boot=100, ax=ax)
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["[[0, 1]]", "[[0, 2]]", "[[0, 3]]"]
    drawn = dict(zip(ax.get_legend_handles_labels()[1], ax.lines[::3], strict=True))
    assert {name: list(line.get_xdata()) for name, line in drawn.items()} == {
        "A2C": [1, 2],
        "PPO": [0, 1],
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: analysis.compare(r, "PPO lr=0.2", "A2C"), "unknown group 'PPO lr=0.2': did you mean"),
        (lambda r: analysis.plot_curves(r), "several environments: choose one with env="),
        (lambda r: analysis.plot_curves(r, env="Pong"), "did you mean 'ALE/Pong-v5'"),
        (lambda r: analysis.plot_curves(r, x="step", env="CartPole-v1"), "did you mean 'steps'"),
        (lambda r: analysis.plot_curves(r, y="entrpy", env="CartPole-v1"), "did you mean 'entropy'"),
        (lambda r: analysis.plot_curves(r, estimator="max", env="CartPole-v1"), "unknown estimator"),
        (lambda r: analysis.plot_sensitivity(r, "lrr", env="CartPole-v1"), "did you mean 'lr'"),
        (lambda r: analysis.plot_sensitivity(r, "fcnet_hiddens", env="CartPole-v1"), "does not differ"),
        (lambda r: analysis.plot_profiles(r, measure="finale"), "did you mean 'final'"),
    ],
)  # fmt: skip
def test_wrong_names_are_one_line_with_the_nearest(results, ax, call, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        call(results)
    assert "\n" not in str(error.value)


def test_results_without_a_sweep_have_no_table(trial, tmp_path):
    trial("one", "PPO_x_00000", returns=(1.0,), config={"env": "CartPole-v1", "seed": 0})
    results = analysis.load(tmp_path / "results")
    with pytest.raises(ValueError, match="no sweep"):
        analysis.sweep_table(results)
    assert isinstance(results.runs, pd.DataFrame)
