"""Files that each library really wrote (``remake/``), against the steps and raw returns counted beside it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.readers.series.facts import facts_of
from rllib_zoo.analysis.results import load

DATA = Path(__file__).parent / "data"
NO_ALGORITHM = "algorithm unknown: grouped by the folder's name"


def truth_of(folder):
    return json.loads((next((DATA / folder).rglob("truth.json"))).read_text())


def run_of(folder, **options):
    """The single run of a folder, its curve, and what was counted."""
    results = load([DATA / folder], **options)
    (run,) = results.runs.to_dict("records")
    return run, results.curves, truth_of(folder)


def last_mean(values, window=100):
    return np.mean(values[-window:])


def test_monitor_files_of_copies_give_the_steps_of_all(tmp_path):
    run, curves, truth = run_of("sb3_monitors")
    assert run["episodes"] == truth["episodes"] == len(curves)
    # The last episode ended with the last step of the run.
    assert run["steps"] == truth["steps"] == 4096
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]))
    assert run["window"] == 100
    assert curves["steps"].is_monotonic_increasing
    assert (run["group"], run["env"], run["labels"]) == ("SB3 sb3_monitors", "CartPole-v1", "")
    assert NO_ALGORITHM in run["message"]


def test_evaluations_stay_apart():
    results = load([DATA / "sb3_monitors"])
    assert results.evaluations["steps"].tolist() == [1000, 2000, 3000, 4000]
    assert results.evaluations["episodes"].tolist() == [5] * 4
    with np.load(DATA / "sb3_monitors" / "evaluations.npz") as content:
        means = content["results"].mean(axis=1)
    assert results.evaluations["return_mean"].tolist() == pytest.approx(means.tolist())


def test_evaluations_in_the_table_have_the_steps_of_the_run(tmp_path):
    shutil.copy(DATA / "sb3_monitors" / "progress.csv", tmp_path)
    table = load([tmp_path]).evaluations
    apart = load([DATA / "sb3_monitors"]).evaluations
    assert table["steps"].tolist() == [1000, 2000, 3000, 4000]
    assert table["return_mean"].tolist() == pytest.approx(apart["return_mean"].tolist())


@pytest.mark.parametrize("names", [["progress.csv"], ["progress.json"], ["events*"]])
def test_the_logger_of_sb3_tells_the_same_in_each_of_its_files(tmp_path, names):
    for name in names:
        for file in (DATA / "sb3_monitors").glob(name):
            shutil.copy(file, tmp_path)
    (run,) = load([tmp_path]).runs.to_dict("records")
    truth = truth_of("sb3_monitors")
    assert run["steps"] == truth["steps"]
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]), rel=1e-4)
    # Rows of evaluations are no results of training.
    assert run["rows"] == 4096 // (4 * 128)


def test_a_resumed_monitor_file_goes_on():
    results = load([DATA / "sb3_resumed" / "run.monitor.csv"])
    ((run,), curves), truth = (
        (results.runs.to_dict("records"), results.curves),
        truth_of("sb3_resumed"),
    )
    assert run["steps"] == truth["finished_steps"]
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]))
    # The clock of the second process begins at zero: both together took 7.56 and 9.86 seconds.
    lines = (DATA / "sb3_resumed" / "run.monitor.csv").read_text().splitlines()[2:]
    times = [float(line.split(",")[2]) for line in lines]
    ends = [time for time, after in zip(times, [*times[1:], 0.0], strict=True) if after < time]
    assert run["seconds"] == pytest.approx(sum(ends))
    assert len(ends) == 2
    assert curves["return_max"].iloc[0] == truth["returns"][0]
    assert "resumed 1 times" in run["message"]


def test_two_event_files_of_a_resumed_run_are_one():
    results = load([DATA / "sb3_resumed" / "events"])
    (run,) = results.runs.to_dict("records")
    assert (run["group"], run["steps"], run["seed"]) == ("SB3 PPO", 1024, None)
    assert results.curves["steps"].tolist() == [128 * i for i in range(1, 9)]
    assert results.curves["seconds"].is_monotonic_increasing


def test_normalised_rewards_are_labelled_where_the_environment_is_known(tmp_path):
    shutil.copy(DATA / "sb3_normalised" / "outer.monitor.csv", tmp_path / "outer.monitor.csv")
    (unknown,) = load([tmp_path]).runs.to_dict("records")
    assert "environment unknown: compared with no other run" in unknown["message"]
    (tmp_path / "about_runs.yaml").write_text("env: CartPole-v1\nalgorithm: A2C\nseed: 3\n")
    (run,) = load([tmp_path]).runs.to_dict("records")
    assert run["group"] == "SB3 A2C [normalised rewards]"
    assert run["seed"] == 3
    assert run["steps"] == truth_of("sb3_normalised")["finished_steps"]
    assert run["variant"] == " [normalised rewards]"
    assert record.LOWER_BOUND in run["labels"]
    (compared,) = load([tmp_path], compare_labelled=True).runs.to_dict("records")
    assert compared["variant"] == ""
    assert compared["labels"] == run["labels"]


def test_lengths_of_atari_games_are_frames():
    run, _, truth = run_of("sb3_atari")
    assert run["frames"] == truth["frames"]
    # Frames of no-ops at the beginning are no steps: an upper bound, as the label tells.
    assert truth["agent_steps"] <= run["steps"] <= 1.25 * truth["agent_steps"]
    assert run["return_mean"] == np.mean(truth["game_returns"])
    assert run["labels"] == "lengths in frames, steps are an upper bound"
    assert run["variant"] == ""


def test_dqn_writes_a_row_every_four_episodes():
    run, curves, truth = run_of("sb3_dqn")
    assert run["steps"] == truth["finished_steps"]
    assert run["episodes"] == truth["episodes"]
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]), rel=1e-3)
    assert curves["episodes"].tolist() == [4, 8, 12, 16, 20]


def test_rl_zoo_tells_algorithm_seed_and_settings():
    results = load([DATA / "rl_zoo"])
    (run,) = results.runs.to_dict("records")
    assert (run["group"], run["env"], run["seed"]) == ("SB3 ppo", "CartPole-v1", 7)
    assert results.configs[0]["n_timesteps"] == 2000
    assert results.configs[0]["n_steps"] == 64
    assert 1900 < run["steps"] <= 2048
    assert len(results.evaluations) == 2


def test_cleanrl():
    run, curves, truth = run_of("cleanrl")
    assert (run["group"], run["env"], run["seed"]) == ("CleanRL ppo", "CartPole-v1", 5)
    assert run["episodes"] == truth["episodes"] == len(curves)
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]))
    assert curves["return_min"].min() == min(truth["returns"])
    # The last episode ended at most a copy's round before the end.
    assert 0 <= truth["steps"] - run["steps"] < 200
    assert (run["labels"], run["message"]) == ("", "")


def test_cleanrl_beside_gymnasium_1_is_a_row_with_the_reason():
    run, curves, truth = run_of("cleanrl_gymnasium1")
    assert truth["episodes"] > 100
    assert curves.empty
    assert (run["group"], run["env"], run["seed"]) == ("CleanRL ppo", "CartPole-v1", 5)
    assert "CleanRL wrote no return" in run["message"]


def test_sample_factory_lies_in_a_hidden_folder():
    run, _, truth = run_of("sample_factory")
    assert (run["group"], run["env"], run["seed"]) == ("Sample Factory APPO", "CartPole-v1", 2)
    assert run["frames"] == run["steps"] <= truth["steps"]
    # Of exactly 100 episodes, some of those that had ended by then.
    ended = np.searchsorted(np.cumsum(truth["lengths"]), run["steps"])
    means = [np.mean(truth["returns"][i : i + 100]) for i in range(max(ended - 160, 0), ended)]
    assert min(means) <= run["return_mean"] <= max(means)
    assert run["mean_of"] == "the last 100 episodes"


def test_tianshou():
    run, curves, truth = run_of("tianshou")
    assert run["steps"] == truth["steps"] == 3600
    assert (run["group"], run["env"], run["seed"]) == ("Tianshou CartPole-v1_ppo", "CartPole-v1", 0)
    assert curves["length_mean"].isna().all()
    assert min(truth["returns"]) <= run["return_mean"] <= max(truth["returns"])
    results = load([DATA / "tianshou"])
    assert len(results.evaluations) >= 3


def test_skrl_counts_the_calls_of_the_vector(tmp_path):
    run, _, truth = run_of("skrl")
    assert run["steps"] == 800
    assert run["labels"] == record.COPIES
    assert run["group"] == f"skrl PPO [{record.COPIES}]"
    shutil.copytree(DATA / "skrl", tmp_path / "skrl")
    (tmp_path / "skrl" / "about_runs.yaml").write_text("env: CartPole-v1\ncopies: 4\n")
    (run,) = load([tmp_path / "skrl"]).runs.to_dict("records")
    assert truth["steps"] <= run["steps"] == 3200 <= 1.06 * truth["steps"]
    assert (run["labels"], run["variant"]) == (record.UPPER_BOUND, "")


@pytest.mark.parametrize("name", ["csv", "events"])
def test_torchrl(name):
    truth = truth_of("torchrl")
    results = load([DATA / "torchrl" / f"CartPole-v1_{name}_0"])
    (run,) = results.runs.to_dict("records")
    assert run["steps"] == truth["steps"] == 2000
    told = results.curves[["steps", "return_mean"]].to_numpy()
    assert told == pytest.approx(np.array(truth["means"]), rel=1e-5)
    assert run["labels"] == record.UNKNOWN_STEPS
    assert results.configs[0]["lr"] == pytest.approx(0.001)


@pytest.mark.parametrize("folder", ["baselines_ppo", "sb2_ppo2"])
def test_monitor_files_of_the_baselines(folder):
    run, curves, truth = run_of(folder)
    assert (run["group"], run["env"], run["labels"]) == (f"Baselines {folder}", "CartPole-v1", "")
    assert run["episodes"] == truth["episodes"] == len(curves)
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]))
    # A copy's steps at its last episode's end, times the copies.
    assert abs(run["steps"] - truth["ends"][-1]) <= 4


@pytest.mark.parametrize("folder", ["baselines_ppo", "sb2_ppo2"])
@pytest.mark.parametrize("name", ["progress.csv", "progress.json", "tb"])
def test_the_logger_of_the_baselines_tells_the_same_in_each_of_its_files(tmp_path, folder, name):
    source, truth = DATA / folder / name, truth_of(folder)
    (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    results = load([tmp_path])
    (run,) = results.runs.to_dict("records")
    assert run["group"].startswith("Baselines ")
    assert results.curves["steps"].tolist() == [512 * i for i in range(1, 9)]
    assert run["return_mean"] == pytest.approx(last_mean(truth["returns"]))
    assert run["mean_of"] == "the last 100 episodes, or all where fewer have ended"
    # stable-baselines 2 writes the time at which an update began, Baselines at which it ended.
    assert (results.curves["seconds"].iloc[0] < 0.01) == (folder == "sb2_ppo2")


def test_sb2_writes_no_mean_before_an_episode_has_ended():
    run, curves, truth = run_of("sb2_a2c")
    assert curves["steps"].tolist() == list(range(100, 1001, 100))
    ended = np.searchsorted(truth["ends"], curves["steps"], side="right")
    means = [last_mean(truth["returns"][:n]) for n in ended]
    assert curves["return_mean"].tolist() == pytest.approx(means)
    assert "environment unknown: compared with no other run" in run["message"]


@pytest.mark.parametrize(("folder", "missing"), [("baselines_dqn", 1), ("sb2_dqn", 0)])
def test_dqn_of_the_baselines_counts_the_episode_that_is_played(folder, missing):
    _, curves, truth = run_of(folder)
    # A row every 4 episodes, of which the last one has only begun; Baselines count steps from 0.
    ended = np.arange(1, len(curves) + 1) * 4 - 1
    assert curves["steps"].tolist() == [truth["ends"][n - 1] - missing for n in ended]
    means = [last_mean(truth["returns"][:n]) for n in ended]
    assert curves["return_mean"].tolist() == pytest.approx(means, abs=0.051)
    assert curves["episodes"].isna().all()


@pytest.mark.parametrize("folder", ["baselines_atari", "sb2_atari"])
def test_lengths_of_the_baselines_are_agent_steps_of_atari_games(folder, tmp_path):
    run, _, truth = run_of(folder)
    # Frames, no-ops included, are about four times as many; those after a lost life are no agent's steps.
    assert truth["finished_steps"] / 5 < run["steps"] < truth["finished_steps"] / 4
    assert run["return_mean"] == np.mean(truth["returns"])
    assert (run["labels"], run["variant"]) == (record.UPPER_BOUND, "")
    (file,) = (DATA / folder).glob("*monitor.csv")
    shutil.copy(file, tmp_path)
    (alone,) = load([tmp_path]).runs.to_dict("records")
    if folder == "baselines_atari":
        assert (alone["group"].split()[0], alone["steps"]) == ("Baselines", run["steps"])
        return
    # Nothing in the file tells stable-baselines 2 from 3.
    assert (alone["group"].split()[0], alone["steps"]) == ("SB3", run["steps"] / 4)
    assert "of stable-baselines 2 they are agent steps" in alone["message"]
    (tmp_path / "about_runs.yaml").write_text("frame_skip: 1\n")
    (told,) = load([tmp_path]).runs.to_dict("records")
    assert told["steps"] == run["steps"]
    assert "of stable-baselines 2" not in told["message"]


def test_spinning_up():
    run, curves, truth = run_of("spinning_up")
    assert (run["group"], run["seed"], run["steps"]) == ("Spinning Up ppo", 4, truth["steps"])
    epoch_E = (np.array(truth["ends"]) - 1) // 500
    for name, of in (("return_mean", np.mean), ("return_min", min), ("return_max", max)):
        told = [of(np.array(truth["returns"])[epoch_E == epoch]) for epoch in range(6)]
        assert curves[name].tolist() == pytest.approx(told)
    assert curves["length_mean"].tolist() == pytest.approx(curves["return_mean"].tolist())
    assert 0 < curves["seconds"].iloc[0] < curves["seconds"].iloc[-1] < 60
    config = load([DATA / "spinning_up"]).configs[0]
    assert (config["steps_per_epoch"], config["ac_kwargs.hidden_sizes"]) == (500, [8])
    # Addresses in memory, other ones in each run.
    assert not {key for key in config if key.startswith(("logger", "env_fn"))}


def test_ml_agents():
    run, curves, truth = run_of("ml_agents")
    assert (run["group"], run["seed"], run["env"][:7]) == ("ML-Agents ppo", 6, "unknown")
    # Multiples of `summary_freq`, the second process's after those of the first.
    assert curves["steps"].tolist() == [500 * i for i in range(1, 9)]
    assert truth["steps"] - 500 < run["steps"] <= truth["steps"]
    # Episodes count in the summary after their last trajectory was handed over: at most two horizons later.
    returns, ends = np.array(truth["returns"]), np.array(truth["ends"])
    cumulated = [np.mean(returns[ends <= step]) for step in curves["steps"]]
    assert curves["return_mean"].mean() == pytest.approx(cumulated[-1], rel=0.02)
    assert curves["return_mean"].iloc[0] == pytest.approx(cumulated[0])
    # Lengths are without the last step.
    assert curves["length_mean"].mean() + 1 == pytest.approx(curves["return_mean"].mean(), rel=0.05)
    config = load([DATA / "ml_agents"]).configs[0]
    assert (config["hyperparameters.batch_size"], config["summary_freq"]) == (64, 500)


def test_pufferlib():
    pytest.importorskip("wandb", reason="the readers of W&B need the extra peers")
    run, curves, truth = run_of("pufferlib")
    assert (run["env"], run["seed"], run["labels"]) == ("CartPole-v1", 7, record.UPPER_BOUND)
    assert run["group"].startswith("PufferLib ")
    # The call that resets counts: one after every episode, but for those that ended with the last call.
    assert 0 <= run["steps"] - truth["steps"] <= truth["episodes"]
    assert run["steps"] - truth["steps"] >= truth["episodes"] - 4
    # Played after the training of 4,000 steps: 32 batches of 128.
    assert curves["steps"].tolist()[-2:] == [4096, 4096 + 32 * 128]
    assert "its last point is of 32 batches played after training" in run["message"]
    returns = np.array(truth["returns"])
    assert curves["return_mean"].iloc[-1] == pytest.approx(np.mean(returns[-178:]), rel=0.03)
    config = load([DATA / "pufferlib"]).configs[0]
    assert (config["train.total_timesteps"], config["vec.num_envs"]) == (4000, 2)
    assert not {key for key in config if key.startswith("sweep") or key.endswith("train.seed")}


def test_a_section_of_settings_is_no_environment(tmp_path):
    config = {"env": {"frameskip": 4}, "env_name": "CartPole-v1"}
    facts, _ = facts_of(tmp_path, config)
    assert facts["env"] == "CartPole-v1"


def test_offline_runs_of_wandb():
    pytest.importorskip("wandb", reason="the readers of W&B need the extra peers")
    runs = load([DATA / "wandb_offline"]).runs.sort_values("steps").to_dict("records")
    cleanrl, rllib = runs
    assert (cleanrl["group"], cleanrl["seed"], cleanrl["status"]) == ("CleanRL ppo", 4, "done")
    assert (cleanrl["steps"], cleanrl["episodes"], cleanrl["return_mean"]) == (400, 20, 20.0)
    assert (rllib["steps"], rllib["seconds"], rllib["return_mean"]) == (2048, 6.0, 40.0)
    assert (rllib["env"], rllib["seed"], rllib["rows"]) == ("CartPole-v1", 1, 3)


def test_mlflow_keeps_a_run_a_row():
    runs = load([DATA / "mlflow"]).runs.to_dict("records")
    assert [run["status"] for run in runs] == ["done", "failed", "unreadable"]
    for seed, run in enumerate(runs[:2]):
        assert (run["steps"], run["seconds"], run["return_mean"]) == (2048, 6.0, 40.0)
        assert (run["env"], run["seed"], run["rows"]) == ("CartPole-v1", seed, 3)
    assert "no name of a return is known among: loss" in runs[2]["message"]


def test_mlflow_keeps_times_in_milliseconds(tmp_path):
    shutil.copy(DATA / "mlflow" / "mlflow.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as store:
        store.execute("DELETE FROM metrics WHERE key = 'time_total_s'")
        (span,) = store.execute(
            "SELECT MAX(end_time - start_time) FROM runs WHERE name = 'PPO_a'"
        ).fetchone()
    run = load([tmp_path]).runs.to_dict("records")[0]
    assert 0 <= run["seconds"] <= span / 1000 < 60


@pytest.mark.parametrize("folder", ["mlflow_folder_2", "mlflow_folder_3"])
def test_mlflow_keeps_a_run_a_folder(folder):
    runs = load([DATA / folder]).runs
    by_name = {run["path"].rpartition(" (")[2][:-1]: run for run in runs.to_dict("records")}
    # Not the one that was deleted.
    assert sorted(by_name) == ["PPO_a", "PPO_b", "PPO_c", "no returns"]
    assert set(runs["experiment"]) == {"cartpole"}
    columns = ["algorithm", "env", "seed", "status", "steps", "seconds", "return_mean", "rows"]
    (same,) = load([DATA / "mlflow"]).runs[:1][columns].to_dict("records")
    for seed, name in enumerate(["PPO_a", "PPO_b", "PPO_c"]):
        run = {key: by_name[name][key] for key in columns}
        status = "failed" if name == "PPO_b" else "done"
        assert run == same | {"algorithm": name, "seed": seed, "status": status}
    assert "2 result(s) repeated after a restart" in by_name["PPO_c"]["message"]
    assert "no name of a return is known among: loss" in by_name["no returns"]["message"]


@pytest.mark.parametrize("folder", ["mlflow", "mlflow_folder_3"])
def test_facts_beside_a_store_of_mlflow_count_for_all_of_its_runs(tmp_path, folder):
    shutil.copytree(DATA / folder, tmp_path / folder)
    (tmp_path / folder / "about_runs.yaml").write_text("env: Acrobot-v1\n")
    if folder == "mlflow":
        with closing(
            sqlite3.connect(tmp_path / folder / "mlflow.db", isolation_level=None)
        ) as store:
            store.execute("UPDATE experiments SET name = '/Users/a/x' WHERE name = 'cartpole'")
    runs = load([tmp_path]).runs
    assert set(runs["env"][runs["steps"] > 0]) == {"Acrobot-v1"}


def test_all_of_them_in_one_report_and_each_a_row(tmp_path):
    runs = load([DATA]).runs
    assert sorted(set(runs["format"])) == [
        "mlflow", "sb3", "table", "tensorboard", "torchrl", "wandb",
    ]  # fmt: skip
    assert len(runs) == 37
    assert set(runs["status"]) <= {"done", "failed", "unknown", "unreadable"}
