"""Loading: every trial is a row with a status, whatever became of it."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from result_folders import result

from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.curve_csv import read_results, thinned, write_curve
from rllib_zoo.analysis.files.result_json import read_curve
from rllib_zoo.analysis.load import load
from rllib_zoo.analysis.scoring.groups import labels_of


def column(curve, name):
    return curve.values_TC[:, COLUMNS.index(name)].tolist()


def test_a_finished_trial(trial):
    results = load([trial(returns=(1.0, 5.0))])
    (run,) = results.runs.to_dict("records")
    assert (run["status"], run["message"]) == ("done", "")
    assert (run["algorithm"], run["env"], run["seed"]) == ("PPO", "CartPole-v1", 0)
    assert (run["steps"], run["frames"], run["return_mean"]) == (200, 800, 5.0)
    assert results.curves["return_mean"].tolist() == [1.0, 5.0]
    assert results.curves["entropy"].tolist() == [1.0, 0.5]


def test_results_of_older_releases(trial):
    results = load([trial(returns=(1.0, 5.0), old=True)])
    assert results.curves["return_mean"].tolist() == [1.0, 5.0]
    assert results.curves["steps"].tolist() == [100, 200]
    assert results.curves["entropy"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("state", "status"),
    [("TERMINATED", "done"), ("ERROR", "failed"), ("RUNNING", "running"), ("ODD", "unknown")],
)
def test_what_tune_says_of_a_trial(trial, state, status):
    assert load([trial(status=state)]).runs["status"].tolist() == [status]


@pytest.mark.parametrize(
    ("state", "status"), [("RUNNING", "failed"), ("ODD", "failed"), ("TERMINATED", "done")]
)
def test_an_error_file_means_failed_unless_the_trial_went_on_to_its_end(trial, state, status):
    path = trial(status=state)
    (path / "error.txt").write_text("boom")
    assert load([path]).runs["status"].tolist() == [status]


def test_our_manifest_knows_best(trial):
    manifest = {
        "algorithm": "A2C",
        "trials": [{"folder": "/moved/from/elsewhere/PPO_x_00000", "status": "interrupted"}],
        "environment_signature": {"id": "CartPole-v1"},
    }
    (run,) = load([trial(manifest=manifest)]).runs.to_dict("records")
    assert (run["status"], run["algorithm"]) == ("interrupted", "A2C")
    assert run["signature"] == {"id": "CartPole-v1"}


@pytest.mark.parametrize(
    ("lines", "rows", "message"),
    [
        ([], 0, "no results"),
        ([json.dumps(result(1, 1.0)), '{"env_runners": {"nu'], 1, "1 broken line(s)"),
        (["nonsense", "[1]", json.dumps(result(1, 1.0))], 1, "2 broken line(s)"),
        ([json.dumps(result(1, math.nan))], 1, "no episode has ended"),
        (
            [json.dumps(result(i, float(i))) for i in (1, 2, 3, 2, 3, 4)],
            4,
            "2 result(s) repeated after a restart",
        ),
    ],
)
def test_what_is_wrong_with_a_trial_is_said(trial, lines, rows, message):
    results = load([trial(lines=lines)])
    assert len(results.curves) == rows
    assert results.runs["message"].tolist() == [message]


def test_of_iterations_played_twice_the_second_counts(trial):
    lines = [
        json.dumps(result(i, r)) for i, r in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0), (3, 30.0))
    ]
    curve = read_curve(trial(lines=lines) / "result.json")
    assert column(curve, "return_mean") == [1.0, 20.0, 30.0]
    assert curve.repeated == 2


def test_a_result_cut_off_in_its_configuration_counts(trial):
    """The line ends with a brace and its numbers are whole; the configuration is the one before."""
    lines = [json.dumps({**result(i, float(i)), "config": {"seed": 0}}) for i in (1, 2)]
    curve = read_curve(trial(lines=[lines[0], lines[1].removesuffix("}")]) / "result.json")
    assert len(curve.values_TC) == 2
    assert curve.config == {"seed": 0}


def test_infinite_and_missing_numbers_are_nan(trial):
    line = json.dumps(result(1, math.inf)).replace("1.0}", "NaN}")
    curve = read_curve(trial(lines=[line]) / "result.json")
    assert math.isnan(column(curve, "return_mean")[0])
    assert column(curve, "steps") == [100.0]


@pytest.mark.parametrize("number", [1, 2, 7, 100, 1001])
def test_a_bounded_number_of_rows_keeps_first_and_last(trial, number):
    path = trial(returns=[float(i) for i in range(number)])
    curve = read_curve(path / "result.json", max_rows=10)
    returns = column(curve, "return_mean")
    assert len(returns) <= 11
    assert (returns[0], returns[-1]) == (0.0, number - 1.0)
    assert np.all(np.diff(returns) > 0)


def test_a_row_per_folder_even_without_results(trial, tmp_path):
    (trial() / "result.json").unlink()
    trial("other")
    results = load([tmp_path / "results"])
    assert results.runs["steps"].isna().tolist() == [True, False]
    assert results.usable["experiment"].tolist() == ["other"]


def test_nothing_at_all(tmp_path):
    results = load([tmp_path])
    assert results.runs.empty
    assert results.curves.empty
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        load([tmp_path / "nowhere"])


def test_moved_folders_and_folders_given_twice(trial, tmp_path):
    path = trial()
    shutil.move(tmp_path / "results", tmp_path / "moved")
    moved = tmp_path / "moved"
    results = load([moved, moved / "exp", moved / "exp" / path.name])
    assert results.runs["status"].tolist() == ["done"]


def test_seeds_that_occur_twice_and_short_runs_are_said(trial, tmp_path):
    trial("a")
    trial("b", returns=(1.0,))
    trial("c", config={"seed": 1})
    results = load([tmp_path / "results"])
    assert results.runs["group"].nunique() == 1
    assert results.runs["message"].tolist() == [
        "seed 0 occurs 2 times",
        "seed 0 occurs 2 times; short: 100 of 300 steps",
        "",
    ]


def test_committed_curves(trial, tmp_path):
    rows = thinned(read_results(trial(returns=(1.0, 5.0)) / "result.json"), 100)
    write_curve(tmp_path / "kept" / "cart-ppo" / "seed3.csv", rows)
    manifest = {
        "algorithm": "PPO",
        "env": "CartPole-v1",
        "status": "done",
        "config_given": {"lr": 1},
    }
    (tmp_path / "kept" / "cart-ppo" / "seed3.json").write_text(json.dumps(manifest))
    (run,) = load([tmp_path / "kept"]).runs.to_dict("records")
    assert (run["group"], run["seed"], run["status"]) == ("PPO", 3, "done")
    assert (run["steps"], run["return_mean"]) == (200, 5.0)


def test_progress_is_told(trial, tmp_path):
    trial("a")
    trial("b")
    told = []
    load([tmp_path / "results"], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("trials", "labels"),
    [
        ([("PPO", {"lr": 0.1}), ("PPO", {"lr": 0.1, "seed": 3})], ["PPO", "PPO"]),
        ([("PPO", {"lr": 0.1}), ("A2C", {"lr": 0.2})], ["PPO", "A2C"]),
        ([("PPO", {"lr": 0.1}), ("PPO", {"lr": 0.2})], ["PPO lr=0.1", "PPO lr=0.2"]),
        ([("PPO", {"lr": 0.1}), ("PPO", {})], ["PPO lr=0.1", "PPO lr=default"]),
        ([("PPO", {"env": "a", "lr": 1}), ("PPO", {"env": "b", "lr": 2})], ["PPO", "PPO"]),
        (
            [("PPO", {"model.dim": 42, "lr": 1}), ("PPO", {"model.dim": 84, "lr": 2})],
            ["PPO lr=1 dim=42", "PPO lr=2 dim=84"],
        ),
        (
            [("PPO", {"x" * 70: 1}), ("PPO", {"x" * 70: 2}), ("PPO", {"x" * 70: 1})],
            ["PPO configuration 1", "PPO configuration 2", "PPO configuration 1"],
        ),
    ],
)
def test_groups_are_named_by_what_differs(trials, labels):
    assert labels_of(trials) == labels


@pytest.mark.parametrize(
    ("stop", "status", "message"),
    [
        ({"episode_reward_mean": 475, "timesteps_total": 300}, "TERMINATED", ""),
        ({"episode_reward_mean": 475}, "ERROR", "short: 100 of 300 steps"),
        ({"timesteps_total": 300, "time_total_s": 60}, "TERMINATED", "short: 100 of 300 steps"),
    ],
)
def test_a_run_that_was_done_early_because_it_was_good_is_not_short(
    trial, tmp_path, stop, status, message
):
    trial("quick", returns=(480.0,), status=status, manifest={"stop": stop})
    trial("slow", config={"seed": 1}, manifest={"stop": stop})
    runs = load([tmp_path / "results"]).runs
    assert runs["message"].tolist() == [message, ""]
    assert runs["short"].tolist() == [bool(message), False]
