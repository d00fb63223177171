"""Loading: every trial is a row with a status, whatever became of it."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from result_folders import result

from rllib_zoo.analysis.diff.diff import compare
from rllib_zoo.analysis.files.columns import COLUMNS
from rllib_zoo.analysis.files.curve_csv import read_results, thinned, write_curve
from rllib_zoo.analysis.files.result_json import read_curve
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.scoring.groups import labels_of
from rllib_zoo.analysis.summary import summarise


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


OLD_TRIAL = {
    "status": "ERROR",
    "trainable_name": "A3C",
    "stopping_criterion": {"episode_reward_mean": 475},
    "config": {"env": "CartPole-v1", "lr": 0.5},
}


@pytest.mark.parametrize(
    "entry",
    [
        lambda name: {**OLD_TRIAL, "logdir": f"/home/x/ray_results/exp/{name}"},  # 0.x
        lambda name: json.dumps({**OLD_TRIAL, "logdir": f"/home/x/exp/{name}"}),  # 1.x
        lambda name: json.dumps({**OLD_TRIAL, "relative_logdir": name}),  # 2.0 to 2.2
        lambda name: json.dumps({**OLD_TRIAL, "relative_logdir": None, "local_path": f"/x/{name}"}),
    ],
)
def test_states_of_older_releases(trial, entry):
    path = trial(name="x_0")
    (path / "params.json").unlink()
    (path.parent / "experiment_state-2026.json").write_text(
        json.dumps({"checkpoints": [entry(path.name), "{broken", 3], "runner_data": {}})
    )
    (path / "result.json").write_text(json.dumps(result(1, 1.0, old=True)) + "\n")
    results = load([path])
    (run,) = results.runs.to_dict("records")
    assert (run["status"], run["algorithm"], run["env"]) == ("failed", "A3C", "CartPole-v1")
    assert run["ends_on_score"]
    assert results.configs[0]["stop.episode_reward_mean"] == 475


@pytest.mark.parametrize(
    "learner",
    [
        {"learner": {"default_policy": {"learner_stats": {"entropy": 0.25, "cur_lr": 0.1}}}},
        {"learner": {"default_policy": {"entropy": 0.25, "cur_lr": 0.1}}},
        {"learner": {"default": {"policy_entropy": 0.25, "cur_lr": 0.1}}},
        {"learner": {"entropy": 0.25, "cur_lr": 0.1}},
        {"default": {"entropy": 0.25, "cur_lr": 0.1}},
    ],
)
def test_learner_results_of_older_releases(trial, learner):
    row = {**result(1, 1.0, old=True), "info": learner}
    curves = load([trial(lines=[json.dumps(row)])]).curves
    assert (curves["entropy"][0], curves["learning_rate"][0]) == (0.25, 0.1)


def test_progress_csv_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "PPO_CartPole"
    path.mkdir()
    text = "training_iteration,timesteps_total,episode_reward_mean\r\n1,100,2.5\r\n2,200,7.5\r\n"
    (path / "progress.csv").write_bytes(text.encode("utf-8-sig"))
    run = load([tmp_path]).runs.iloc[0]
    assert (run["steps"], run["return_mean"], run["rows"]) == (200, 7.5, 2)


def write_progress(path, header="", rows=()):
    header = header or (
        "episode_reward_mean,timesteps_total,training_iteration,time_total_s,"
        "info/learner/default_policy/entropy,iterations_since_restore"
    )
    (path / "progress.csv").write_text("\n".join([header, *rows]) + "\n")


def test_a_table_resumed_with_other_columns_is_read_whole(trial):
    path = trial()
    (path / "result.json").unlink()
    head = "training_iteration,timesteps_total,episode_reward_mean"
    more = "timesteps_total,custom_metrics/speed,training_iteration,episode_reward_mean"
    rows = [
        "1,100,1.0",
        "2,200,2.0",
        more,
        "200,0.5,2,2.5",
        "300,0.5,3,3.5",
        head,
        "3,300,3.0",
        "4,400,4.0",
    ]
    write_progress(path, head, rows)
    results = load([path])
    (run,) = results.runs.to_dict("records")
    assert results.curves["return_mean"].tolist() == [1.0, 2.5, 3.0, 4.0]
    assert results.curves["steps"].tolist() == [100, 200, 300, 400]
    assert run["message"] == "2 result(s) repeated after a restart"
    # Repeated results are no results that were not read.
    assert run["rows"] == run["rows_found"] == 4


@pytest.mark.parametrize("params", [True, False])
def test_a_table_alone_is_enough(trial, params):
    path = trial()
    (path / "result.json").unlink()
    if not params:
        (path / "params.json").unlink()
    rows = ["nan,100,1,1.5,0.75,1", "-2.5,200,2,3.0,0.5,2", "cut,off", "-1.5,300,3,4.5,,3"]
    write_progress(path, rows=rows)
    results = load([path], max_rows=2)
    (run,) = results.runs.to_dict("records")
    assert (run["steps"], run["seconds"], run["return_mean"]) == (300, 4.5, -1.5)
    assert (run["env"] == "CartPole-v1") == params
    assert "1 broken line(s)" in run["message"]
    assert results.curves["iterations"].tolist() == [1, 3]
    whole = load([path]).curves
    assert whole["entropy"].tolist()[:2] == [0.75, 0.5]
    assert whole["return_mean"].isna().tolist() == [True, False, False]


def test_a_table_of_another_library_is_no_trial_of_tune(tmp_path):
    write_progress(tmp_path, "time/total_timesteps,rollout/ep_rew_mean", ["1,2"])
    (tmp_path / "progress.json").write_text("{}")
    assert load([tmp_path], formats=["tune"]).runs.empty
    assert load([tmp_path]).runs["format"].tolist() == ["sb3"]


def test_runs_of_an_unknown_environment_are_not_pooled(trial, tmp_path):
    for name in "ab":
        (trial(name) / "params.json").unlink()
        file = tmp_path / "results" / name / "PPO_x_00000" / "result.json"
        rows = [{**json.loads(line), "config": {}} for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = load([tmp_path / "results"]).runs
    assert runs["env"].tolist() == ["unknown, a/PPO_x_00000", "unknown, b/PPO_x_00000"]
    assert "environment unknown" in runs["message"][0]
    assert summarise(load([tmp_path / "results"]), resamples=100).table["runs"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("one", "other", "groups"),
    [
        ({"lr": 1e-3}, {"lr": 0.001}, ["PPO", "PPO"]),
        ({"lr": 1.0}, {"lr": 1}, ["PPO", "PPO"]),
        ({"n": 1e6}, {"n": 1_000_000}, ["PPO", "PPO"]),
        ({"lr": 0.1234567}, {"lr": 0.1234568}, ["PPO lr=0.1234567", "PPO lr=0.1234568"]),
        ({"lr": 0.1234567}, {"lr": 0.2}, ["PPO lr=0.123457", "PPO lr=0.2"]),
    ],
)
def test_settings_are_compared_exactly(trial, tmp_path, one, other, groups):
    trial("a", config=one)
    trial("b", config={"seed": 1, **other})
    assert load([tmp_path / "results"]).runs["group"].tolist() == groups


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"stop": {"timesteps_total": 300}}, {"stop": {"timesteps_total": 900}}),
        ({"stop": {"timesteps_total": 300}}, {"stop": {"episode_reward_mean": 3}}),
        ({"stop": {"timesteps_total": 300}}, {"request": {"time_budget_s": 60}}),
        ({"stop": {"timesteps_total": 300}}, {}),
        ({"restore_from": "/x/PPO_a/checkpoint_1"}, {}),
        ({"restore_from": "/x/PPO_a/checkpoint_1"}, {"restore_from": "/x/PPO_b/checkpoint_1"}),
    ],
)
def test_other_ends_and_starts_are_other_groups_and_told(trial, tmp_path, one, other):
    trial("a", manifest=one)
    trial("b", config={"seed": 1}, manifest=other)
    assert load([tmp_path / "results"]).runs["group"].nunique() == 2
    folders = [tmp_path / "results" / name for name in "ab"]
    (first, *_) = [str(each) for each in compare(*folders).differences if each.kind == "run"]
    assert "stop." in first or "restore_from" in first


def test_a_difference_in_the_seventh_digit_is_told(trial, tmp_path):
    trial("a", config={"lr": 0.1234567})
    trial("b", config={"lr": 0.1234568})
    differences = compare(*(tmp_path / "results" / name for name in "ab")).differences
    expected = "configuration: lr is 0.1234567 in the first, 0.1234568 in the second"
    assert [str(each) for each in differences] == [expected]


def test_a_run_without_a_seed_has_none(trial, tmp_path):
    trial("a", config={"seed": None}, status="ERROR")
    trial("b", config={"seed": 3}, status="ERROR")
    trial("c", config={"seed": math.nan})
    results = load([tmp_path / "results"])
    summary = summarise(results, resamples=100)
    assert results.runs["seed"].tolist() == summary.scores["seed"].tolist() == [None, 3, None]
    assert "run 0 (PPO): status failed" in summary.warnings
    assert "run 1 (PPO, seed 3): status failed" in summary.warnings
    assert summary.scores.to_csv().splitlines()[2].split(",")[5] == "3"


@pytest.mark.parametrize(
    ("row", "window", "words"),
    [
        ({"env_runners": {"episode_return_mean": 1.0, "episode_window_size": 37}}, 37,
         "the last 37 episodes"),
        ({"env_runners": {"episode_return_mean": 1.0}}, None,
         "episodes of one iteration, number unknown"),
        ({"episode_reward_mean": 1.0}, None,
         "the last 100 episodes at most, or all of an iteration with more"),
        ({"episode_reward_mean": 1.0, "hist_stats": {"episode_reward": [0.5, 1.5, 1.0]}}, 3,
         "3 episodes"),
        ({}, None, ""),
    ],
)  # fmt: skip
def test_what_a_mean_return_is_of(trial, row, window, words):
    line = json.dumps({"timesteps_total": 100, "training_iteration": 1, **row})
    results = load([trial(lines=[line])])
    (run,) = results.runs.to_dict("records")
    assert run["mean_of"] == words
    assert run["window"] == window or (window is None and math.isnan(run["window"]))
    own = any("runs are RLlib's own, of" in w for w in summarise(results).warnings)
    assert own == (window is None and bool(words))
