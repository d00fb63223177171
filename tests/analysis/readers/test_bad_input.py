"""Files that are cut off, of another kind or mixed: a row with a status and a reason, the rest is read."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboardX import SummaryWriter

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.readers.event_files import read_events
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.summary import summarise

DATA = Path(__file__).parent / "data"
TAG = "charts/episodic_return"


def runs_of(*folders, **options):
    return load(list(folders), **options).runs.to_dict("records")


def write_events(folder, steps, value=1.0, tag=TAG, **options):
    with SummaryWriter(str(folder), **options) as writer:
        for step in steps:
            writer.add_scalar(tag, value, step)


def points(folder):
    return read_events(sorted(folder.glob("*tfevents*"))).points()[TAG]


def test_an_event_file_that_is_cut_off_is_read_up_to_there(tmp_path):
    write_events(tmp_path, range(10))
    (file,) = tmp_path.glob("*tfevents*")
    file.write_bytes(file.read_bytes()[:-7])
    (run,) = runs_of(tmp_path)
    assert run["rows"] == 9
    assert f"{file.name} is cut off or damaged: read up to there" in run["message"]


def test_an_empty_event_file_is_a_row(tmp_path):
    (tmp_path / "events.out.tfevents.1.x").write_bytes(b"")
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["message"].split(";")[0]) == ("unreadable", "it has no numbers")


def test_all_points_of_a_long_series_are_read(tmp_path):
    write_events(tmp_path, range(12_000))
    assert points(tmp_path).steps_T.tolist() == list(range(12_000))


def test_points_played_twice_count_once(tmp_path):
    write_events(tmp_path, range(0, 100, 10), 1.0, filename_suffix=".1")
    write_events(tmp_path, range(50, 150, 10), 2.0, filename_suffix=".2")
    read = points(tmp_path)
    assert read.steps_T.tolist() == list(range(0, 150, 10))
    assert read.values_T.tolist() == [1.0] * 5 + [2.0] * 10
    (run,) = runs_of(tmp_path)
    assert "5 result(s) repeated after a restart" in run["message"]


def test_what_a_writer_purges_is_gone(tmp_path):
    write_events(tmp_path, range(0, 100, 10), 1.0, filename_suffix=".1")
    write_events(tmp_path, [70], 2.0, filename_suffix=".2", purge_step=50)
    assert points(tmp_path).steps_T.tolist() == [0, 10, 20, 30, 40, 70]


def test_two_runs_in_one_folder_are_two_rows(tmp_path):
    write_events(tmp_path, range(0, 100, 10), 1.0, filename_suffix=".1")
    write_events(tmp_path, range(0, 50, 10), 2.0, filename_suffix=".2")
    first, second = runs_of(tmp_path)
    assert (first["return_mean"], second["return_mean"]) == (1.0, 2.0)
    assert first["path"] != second["path"]


def test_runs_whose_first_episodes_end_at_other_steps_are_two_rows(tmp_path):
    for number, first, last, learns in ((1, 86, 2000, 500), (2, 134, 1000, 900)):
        with SummaryWriter(str(tmp_path), filename_suffix=f".{number}") as writer:
            writer.add_scalar("losses/td_loss", 0.5, learns)  # a learner that begins later
            for step in range(first, last, 50):
                writer.add_scalar(TAG, float(number), step)
                writer.add_scalar("charts/episodic_length", 9, step)
    first, second = runs_of(tmp_path)
    assert (first["rows"], first["return_mean"]) == (len(range(86, 2000, 50)), 1.0)
    assert (second["rows"], second["return_mean"]) == (len(range(134, 1000, 50)), 2.0)
    assert "repeated" not in first["message"] + second["message"]


def test_two_folders_with_one_name_are_two_rows(tmp_path):
    for parent in ("a", "b"):
        shutil.copytree(DATA / "cleanrl", tmp_path / parent)
    runs = runs_of(tmp_path)
    assert len(runs) == 2
    assert all("seed 5 occurs 2 times" in run["message"] for run in runs)


def test_a_table_without_names_is_a_row(tmp_path):
    (tmp_path / "curve.csv").write_text("1,2.0\n2,3.0\n")
    (run,) = runs_of(tmp_path)
    assert run["status"] == "unreadable"
    assert run["message"].startswith("curve.csv: its first line has no names of columns")


def test_a_monitor_file_without_header_is_a_row(tmp_path):
    (tmp_path / "0.monitor.csv").write_text("r,l,t\n1,1,1\n")
    (run,) = runs_of(tmp_path)
    assert run["status"] == "unreadable"
    assert run["message"].startswith("0.monitor.csv has no header of Monitor")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"t_start": 5000.0, "env_id": "CartPole-v1"}, "were written one after the other"),
        ({"t_start": 1.0, "env_id": "Acrobot-v1"}, "are of several environments"),
    ],
)
def test_monitor_files_that_are_no_copies_of_one_run(tmp_path, header, message):
    first = {"t_start": 1.0, "env_id": "CartPole-v1"}
    for number, facts in enumerate((first, header)):
        text = f"#{json.dumps(facts)}\nr,l,t\n9.0,9,{number + 2.0}\n"
        (tmp_path / f"{number}.monitor.csv").write_text(text)
        (tmp_path / f"run{number}.monitor.csv").write_text(text)
    runs = runs_of(tmp_path)
    assert [run["status"] for run in runs] == ["unreadable", "unknown", "unknown"]
    assert message in runs[0]["message"]


@pytest.mark.parametrize(("numbers", "rows"), [((1,), 1), ((1, 2), 3)])
def test_events_below_monitor_files_are_of_the_same_run_unless_there_are_several(
    tmp_path, numbers, rows
):
    shutil.copy(DATA / "sb3_resumed" / "run.monitor.csv", tmp_path / "monitor.csv")
    shutil.copytree(DATA / "cleanrl", tmp_path / "other_1")
    for number in numbers:
        shutil.copytree(DATA / "sb3_resumed" / "events" / "PPO_1", tmp_path / f"PPO_{number}")
    runs = runs_of(tmp_path)
    assert [run["group"] for run in runs].count("CleanRL ppo") == 1
    assert len(runs) == rows + 1


def test_a_monitor_file_cut_in_its_last_line(tmp_path):
    text = (DATA / "sb3_resumed" / "run.monitor.csv").read_text()
    (tmp_path / "monitor.csv").write_text(text + "17.0,1")
    (run,) = runs_of(tmp_path)
    assert "1 broken line(s)" in run["message"]
    assert run["episodes"] == text.count("\n") - 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", None])
def test_evaluations_of_another_kind_are_a_row(tmp_path, content):
    file = tmp_path / "evaluations.npz"
    if content is None:
        np.savez(file, weights=np.zeros(3))
    else:
        file.write_bytes(content)
    (run,) = runs_of(tmp_path)
    assert run["status"] == "unreadable"
    assert run["message"].startswith("evaluations.npz has no evaluations")


def test_other_archives_of_arrays_are_no_runs(tmp_path):
    np.savez(tmp_path / "policy.npz", weights=np.zeros(3))
    assert runs_of(tmp_path) == []


def test_evaluations_alone_are_labelled(tmp_path):
    shutil.copy(DATA / "sb3_monitors" / "evaluations.npz", tmp_path)
    (run,) = runs_of(tmp_path)
    assert (run["steps"], run["rows"], run["window"]) == (4000, 4, 5)
    assert run["labels"] == record.EVALUATION


def test_settings_with_code_are_not_run(tmp_path):
    shutil.copytree(DATA / "rl_zoo", tmp_path / "zoo")
    (args,) = tmp_path.rglob("args.yml")
    args.write_text("!!python/object/apply:os.system ['touch ran']\n")
    (run,) = runs_of(tmp_path)
    assert "args.yml is not readable: could not determine a constructor" in run["message"]
    assert not (tmp_path / "ran").exists()
    assert not Path("ran").exists()
    assert run["episodes"] > 0


def test_without_wandb_the_row_tells_how_to_install_it(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "wandb"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "wandb", None)
    runs = runs_of(DATA / "wandb_offline")
    assert [run["status"] for run in runs] == ["unreadable"] * 2
    assert all("pip install 'rllib-zoo[peers]'" in run["message"] for run in runs)


def test_a_wandb_file_that_is_cut_off(tmp_path):
    pytest.importorskip("wandb", reason="the reader of W&B needs the extra peers")
    (file,) = [f for f in DATA.glob("wandb_offline/**/*.wandb") if f.stat().st_size > 5000]
    (tmp_path / "run-x.wandb").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (run,) = runs_of(tmp_path)
    assert run["status"] == "interrupted"
    assert "run-x.wandb is cut off or damaged: read up to there" in run["message"]
    assert 0 < run["rows"] < 20


def test_a_store_of_mlflow_that_is_cut_off(tmp_path):
    content = (DATA / "mlflow" / "mlflow.db").read_bytes()
    (tmp_path / "mlflow.db").write_bytes(content[:5000])
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["message"].split(":")[0]) == ("unreadable", "mlflow.db")


def a_run_of_mlflow(folder):
    """The folder of one run, "PPO_a"."""
    (source,) = [p for p in DATA.glob("mlflow_folder_3/*/*/*") if is_run(p, "PPO_a")]
    shutil.copytree(source, folder / "store" / "7" / source.name)
    return folder / "store" / "7" / source.name


def is_run(folder, name):
    return folder.is_dir() and f"run_name: {name}\n" in (folder / "meta.yaml").read_text()


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("artifact_uri", "meta.yaml is cut off: neither a name nor a user in it"),
        ("start_time", "meta.yaml is cut off: neither a name nor a user in it"),
        ("ifecycle_stage", "meta.yaml: while scanning a simple key"),
    ],
)
def test_a_folder_of_mlflow_whose_settings_are_cut_off(tmp_path, end, message):
    file = a_run_of_mlflow(tmp_path) / "meta.yaml"
    file.write_text(file.read_text().partition(end)[0])
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["format"]) == ("unreadable", "mlflow")
    assert run["message"].startswith(message)


def test_a_metric_of_mlflow_that_is_cut_off(tmp_path):
    folder = a_run_of_mlflow(tmp_path)
    file = folder / "metrics" / "env_runners" / "episode_return_mean"
    lines = file.read_text().splitlines()
    # A step of a metric with a data set counts; a line without the others' step, or without an end, does not.
    file.write_text(
        "\n".join([*lines[:2], "x", lines[2].rpartition(" ")[0], f"{lines[2]} d 1", lines[3]])
    )
    (run,) = runs_of(tmp_path)
    assert (run["steps"], run["return_mean"], run["rows"]) == (1536, 30.0, 2)
    assert "3 broken line(s)" in run["message"]
    file.write_text("")
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["rows"]) == ("unreadable", 0)
    assert (
        "no name of a return is known among: num_env_steps_sampled_lifetime, config/lr"
        in run["message"]
    )
    shutil.rmtree(folder / "metrics")
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["message"].split(";")[0]) == ("unreadable", "it has no numbers")


def test_other_files_with_the_name_of_mlflow_are_no_runs(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "meta.yaml").write_text("package: x\n")
    assert runs_of(tmp_path) == []


def test_artifacts_of_mlflow_are_not_read_as_runs(tmp_path):
    folder = a_run_of_mlflow(tmp_path)
    shutil.copytree(DATA / "cleanrl" / "runs", folder / "artifacts" / "runs")
    assert len(runs_of(tmp_path)) == 1


@pytest.mark.parametrize(
    ("folder", "name"),
    [("baselines_ppo", "progress.csv"), ("spinning_up/ppo/ppo_s4", "progress.txt")],
)
def test_a_table_of_a_logger_that_is_cut_off(tmp_path, folder, name):
    text = (DATA / folder / name).read_text()
    (tmp_path / name).write_text(text[: len(text) - 60])
    (run,) = runs_of(tmp_path)
    assert run["rows"] == text.count("\n") - 2
    assert "1 broken line(s)" in run["message"]
    # Of the names alone, as of a run that was killed before its first row.
    (tmp_path / name).write_text(text.partition("\n")[0])
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["message"].split(";")[0]) == ("unreadable", "it has no numbers")


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_settings_of_spinning_up_that_are_cut_off(tmp_path, text):
    shutil.copytree(DATA / "spinning_up" / "ppo" / "ppo_s4", tmp_path / "ppo_s4")
    (tmp_path / "ppo_s4" / "config.json").write_text(text)
    (run,) = runs_of(tmp_path)
    assert "config.json is not readable: " in run["message"]
    assert (run["seed"], run["steps"]) == (4, 3000)
    assert "seed from the folder's name" in run["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "configuration.yaml is not readable: "),
        ("behaviors: {Other: {}}", "configuration.yaml is not readable: 'CartPole'"),
        ("behaviors: [1", "configuration.yaml is not readable: while parsing"),
    ],
)
def test_settings_of_ml_agents_that_are_cut_off(tmp_path, text, message):
    shutil.copytree(DATA / "ml_agents", tmp_path / "ml_agents")
    (tmp_path / "ml_agents" / "ppo_1" / "configuration.yaml").write_text(text)
    (run,) = runs_of(tmp_path)
    assert message in run["message"]
    assert (run["group"], run["seed"], run["steps"]) == ("ML-Agents CartPole", None, 4000)


def test_a_monitor_file_of_the_baselines_that_is_cut_off(tmp_path):
    text = (DATA / "baselines_ppo" / "0.0.monitor.csv").read_text()
    (tmp_path / "0.0.monitor.csv").write_text(text + "27.0,2")
    (run,) = runs_of(tmp_path)
    assert (run["episodes"], run["group"].split()[0]) == (text.count("\n") - 2, "Baselines")
    assert "1 broken line(s)" in run["message"]
    (tmp_path / "0.0.monitor.csv").write_text("# {")
    (run,) = runs_of(tmp_path)
    assert run["message"].startswith("0.0.monitor.csv has no header of Monitor")


def test_published_results_of_dopamine(tmp_path):
    rows = [
        {"Iteration": i, "Value": 10.0 * seed + i, "Agent": agent}
        for agent in ("DQN", "Rainbow")
        for seed in (0, 1)
        for i in range(3)
    ]
    (tmp_path / "airraid.json").write_text(json.dumps(rows))
    runs = runs_of(tmp_path)
    assert [run["group"] for run in runs] == ["Dopamine DQN"] * 2 + ["Dopamine Rainbow"] * 2
    assert {run["env"] for run in runs} == {"ALE/AirRaid-v5"}
    assert [run["return_mean"] for run in runs] == [2.0, 12.0] * 2
    assert {(run["steps"], run["frames"]) for run in runs} == {(750_000, 3_000_000)}
    (tmp_path / "airraid.json").write_text(json.dumps(rows)[:-20])
    (run,) = runs_of(tmp_path)
    assert run["message"].startswith("airraid.json is cut off")


def test_a_table_of_ones_own(tmp_path):
    lines = ["algo,env_id,seed,total_timesteps,Episode Return,time"]
    lines += [
        f"{a},CartPole-v1,{s},{t},{t / 10 + s},{t / 100}"
        for a in "AB"
        for s in (0, 1)
        for t in (10, 20)
    ]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    runs = runs_of(tmp_path)
    assert [(run["group"], run["seed"]) for run in runs] == [("A", 0), ("A", 1), ("B", 0), ("B", 1)]
    assert [run["return_mean"] for run in runs] == [2.0, 3.0, 2.0, 3.0]
    assert {(run["steps"], run["seconds"], run["labels"]) for run in runs} == {(20, 0.2, "")}


def test_a_table_of_frames_does_not_tell_steps(tmp_path):
    (tmp_path / "mine.csv").write_text("frame,return\n400,1.0\n")
    assert runs_of(tmp_path)[0]["labels"] == record.UNKNOWN_STEPS
    (tmp_path / "about_runs.yaml").write_text("frame_skip: 4\nenv: ALE/Pong-v5\n")
    (run,) = runs_of(tmp_path)
    assert (run["steps"], run["frames"], run["labels"]) == (100, 400, "")


def test_steps_that_go_back_are_no_axis(tmp_path):
    (tmp_path / "mine.csv").write_text("run,steps,total reward\na,9,1.0\na,7,2.0\n")
    assert runs_of(tmp_path)[0]["labels"] == record.UNKNOWN_STEPS


def test_a_reward_without_episodes_may_be_of_a_step(tmp_path):
    (tmp_path / "mine.csv").write_text("step,reward\n1,1.0\n")
    assert runs_of(tmp_path)[0]["labels"] == record.UNKNOWN_RETURN
    (tmp_path / "mine.csv").write_text("episode,step,reward\n1,20,20.0\n")
    assert runs_of(tmp_path)[0]["labels"] == ""


def test_rows_of_a_logger_written_twice_count_once(tmp_path):
    text = (DATA / "sb3_dqn" / "CartPole-v1_dqn" / "progress.csv").read_text()
    header, *rows = text.splitlines()
    (tmp_path / "progress.csv").write_text("\n".join([header, *rows, *rows[2:]]))
    (run,) = runs_of(tmp_path)
    assert (run["rows"], run["rows_found"]) == (len(rows), len(rows))
    assert f"{len(rows) - 2} result(s) repeated after a restart" in run["message"]


def test_without_an_episode_in_the_monitor_files_the_evaluations_count(tmp_path):
    (tmp_path / "0.monitor.csv").write_text('#{"t_start": 1.0, "env_id": "CartPole-v1"}\nr,l,t\n')
    (run,) = runs_of(tmp_path)
    assert (run["rows"], run["message"].split(";")[0]) == (0, "no results")
    shutil.copy(DATA / "sb3_monitors" / "evaluations.npz", tmp_path)
    assert runs_of(tmp_path)[0]["labels"] == record.EVALUATION


def test_a_series_that_tensorboard_exported(tmp_path):
    name = "CartPole-v1_PPO_1-tag-rollout_ep_rew_mean.csv"
    (tmp_path / name).write_text("Wall time,Step,Value\n100.0,2048,20.5\n101.5,4096,30.5\n")
    (run,) = runs_of(tmp_path)
    assert (run["steps"], run["seconds"], run["return_mean"]) == (4096, 1.5, 30.5)
    assert run["env"] == "CartPole-v1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("copy: 4", "'copy' is unknown; it takes env, algorithm, seed, copies"),
        ("copies: four", "copies must be int, got 'four'"),
        ("axis: calls", "axis must be one of steps, frames, vector steps"),
        ("[1", "is no YAML"),
    ],
)
def test_wrong_facts_about_runs_are_told(tmp_path, text, message):
    shutil.copytree(DATA / "skrl", tmp_path / "skrl")
    (tmp_path / "about_runs.yaml").write_text(text)
    (run,) = runs_of(tmp_path)
    assert run["status"] == "unreadable"
    assert message in run["message"]


def test_mixed_folders_are_read_and_labelled_runs_are_not_compared(trial, tmp_path):
    for seed in range(2):
        trial(f"tune{seed}", config={"seed": seed})
    shutil.copytree(DATA, tmp_path / "results" / "peers")
    (tmp_path / "results" / "peers" / "sb3_normalised" / "about_runs.yaml").write_text(
        "env: CartPole-v1\n"
    )
    results = load([tmp_path / "results"])
    assert results.runs["format"].value_counts()["tune"] == 2
    summary = summarise(results, resamples=100)
    envs = dict(zip(summary.scores["group"], summary.scores["environment"], strict=True))
    assert envs["PPO"] == envs["SB3 ppo"] == envs["Sample Factory APPO"] == "CartPole-v1"
    assert envs["SB3 outer [normalised rewards]"] == "CartPole-v1 [normalised rewards]"
    compared = summarise(load([tmp_path / "results"], compare_labelled=True), resamples=100).scores
    assert "CartPole-v1 [normalised rewards]" not in set(compared["environment"])


def test_labelled_runs_keep_no_environment_out_of_the_aggregate(trial, tmp_path):
    for env in ("CartPole-v1", "ALE/Pong-v5"):
        for seed in range(2):
            trial(
                f"{env[:3]}{seed}",
                config={"seed": seed, "env": env},
                manifest={"stop": {"timesteps_total": 1}},
            )
    shutil.copy(DATA / "sb3_normalised" / "outer.monitor.csv", tmp_path / "results")
    (tmp_path / "results" / "about_runs.yaml").write_text("env: CartPole-v1\n")
    results = load([tmp_path / "results"])
    assert results.runs["variant"].tolist().count(" [normalised rewards]") == 1
    assert summarise(results, resamples=100).overall["group"].tolist() == ["PPO"]


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"reward_clipping": True}, record.CLIPPED),
        ({"episodic_life": True, "reward_clipping": False}, record.LIVES),
        ({"frameskip": 4}, ""),
    ],
)
def test_options_of_the_environment_that_change_returns(trial, options, label):
    config = {"env": "ALE/Pong-v5", "env_config": options}
    stock, own = (
        trial("stock", config=config),
        trial("own", config=config, manifest={"env": "ALE/Pong-v5"}),
    )
    assert [run["labels"] for run in runs_of(stock)] == [label]
    assert [run["labels"] for run in runs_of(own)] == [""]


def test_labels_can_be_told(tmp_path):
    shutil.copytree(DATA / "tianshou", tmp_path / "tianshou")
    file = tmp_path / "about_runs.yaml"
    file.write_text("env: ALE/Pong-v5\n")
    assert runs_of(tmp_path)[0]["labels"] == record.UNKNOWN_RETURN
    file.write_text("labels: [clipped rewards]\n")
    assert runs_of(tmp_path)[0]["group"].endswith("[clipped rewards]")
    file.write_text("labels: [clipped]\n")
    assert (
        "label 'clipped' is unknown; choose from clipped rewards; "
        in runs_of(tmp_path)[0]["message"]
    )


def test_one_format_alone(tmp_path):
    assert {run["format"] for run in runs_of(DATA, formats=["sb3"])} == {"sb3"}


def test_an_own_report_is_no_run(tmp_path):
    (tmp_path / "report.html").write_text("")
    (tmp_path / "command.txt").write_text("")
    (tmp_path / "curves.csv").write_text("run,group,steps,return_mean\n0,PPO,1,1.0\n")
    assert runs_of(tmp_path) == []


def a_monitor(folder, env, lines, name="monitor.csv", names="r,l,t"):
    folder.mkdir(exist_ok=True)
    header = json.dumps({"t_start": 1.0} | env)
    (folder / name).write_text("\n".join([f"#{header}", names, *lines, ""]))


def test_values_of_the_info_in_a_monitor_file_may_hold_commas(tmp_path):
    lines = ["1.0,10,0.5,\"['left', 'right']\"", '2.0,20,1.5,"[]"', '3.0,30,"a, b"']
    a_monitor(tmp_path, {"env_id": "CartPole-v1"}, lines, names="r,l,t,moves")
    (run,) = runs_of(tmp_path)
    assert (run["episodes"], run["steps"], run["return_mean"]) == (2, 30, 1.5)
    assert "1 broken line(s)" in run["message"]


@pytest.mark.parametrize(
    ("env", "label"),
    [
        ({"env_id": None}, ""),
        ({"env_id": "None"}, record.LOWER_BOUND),
        ({}, record.LOWER_BOUND),
    ],
)
def test_only_a_monitor_file_that_may_be_of_several_copies_has_a_lower_bound(tmp_path, env, label):
    a_monitor(tmp_path, env, ["1.0,10,0.5"])
    (run,) = runs_of(tmp_path)
    assert (run["labels"], run["steps"]) == (label, 10)
    assert run["env"].startswith("unknown, ")


def test_a_hidden_monitor_file_is_grouped_by_its_folder(tmp_path):
    for name in (".monitor.csv", "monitor.csv"):
        a_monitor(tmp_path / "hopper", {"env_id": "Hopper-v4"}, ["1.0,10,0.5"], name)
    assert [run["group"] for run in runs_of(tmp_path)] == ["SB3 hopper", "SB3 monitor"]


@pytest.mark.parametrize(
    ("name", "algorithm", "seed"),
    [
        ("2019-05-16_18-35-07", "2019-05-16_18-35-07", None),
        ("ppo-2019-05-16-18-35-07-123456", "ppo-2019-05-16-18-35-07-123456", None),
        ("ppo_20190516_1835", "ppo_20190516_1835", None),
        ("ppo_2019-05-16_18-35-07_3", "ppo_2019-05-16_18-35-07", 3),
        ("ppo_gamma_0.99", "ppo_gamma_0.99", None),
        ("ppo.3", "ppo", 3),
        ("ppo_gamma_0.99_s2", "ppo_gamma_0.99", 2),
    ],
)
def test_the_end_of_a_time_or_of_a_fraction_is_no_seed(tmp_path, name, algorithm, seed):
    a_monitor(tmp_path / name, {"env_id": "Hopper-v4"}, ["1.0,10,0.5"])
    (run,) = runs_of(tmp_path)
    assert (run["algorithm"], run["seed"]) == (f"SB3 {algorithm}", seed)


def test_lines_that_end_with_a_delimiter_are_whole(tmp_path):
    (tmp_path / "a.csv").write_text("steps,episode_return\n100,1.0,\n200,2.0,,\n300,3.0,4.0\n")
    (run,) = runs_of(tmp_path)
    assert (run["steps"], run["return_mean"], run["rows"]) == (200, 2.0, 2)
    assert "1 broken line(s)" in run["message"]


@pytest.mark.parametrize(
    ("text", "steps", "labels"),
    [
        ("Steps,Environment/Cumulative Reward\n5000,1.0\n10000,2.0\n", 10_000, ""),
        ("minute,Environment/Cumulative Reward\n5,1.0\n6,2.0\n", 1, record.UNKNOWN_STEPS),
        ("global_step,reward/reward\n4000,1.0\n8000,2.0\n", 8000, record.UNKNOWN_STEPS),
    ],
)
def test_the_number_of_a_row_is_no_step(tmp_path, text, steps, labels):
    (tmp_path / "progress.csv").write_text(text)
    (run,) = runs_of(tmp_path)
    assert (run["steps"], run["labels"], run["return_mean"]) == (steps, labels, 2.0)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "progress.csv",
            "Loss,NumTrajs,AverageRet\n0.5,9,3.0\n",
            "progress.csv: no name of a return is known among: AverageRet, Loss, NumTrajs; "
            "name them in about_runs.yaml, key columns",
        ),
        (
            "first_metrics.csv",
            "epoch,episode_reward\n1,3.0\n",
            "first_metrics.csv: no name of steps, frames or episodes is known among: "
            "episode_reward, epoch; name them in about_runs.yaml, key columns",
        ),
        ("progress.txt", "", "progress.txt is empty"),
    ],
)
def test_a_logger_table_that_is_not_known_is_a_row(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    (tmp_path / "notes.txt").write_text("apples, pears\n")
    (tmp_path / "prices.csv").write_text("open,close\n1,2\n")
    (run,) = runs_of(tmp_path)
    assert (run["status"], run["rows"]) == ("unreadable", 0)
    assert run["message"].startswith(message)


def test_names_told_make_a_table_and_events_readable(tmp_path):
    (tmp_path / "progress.csv").write_text("Loss,Trajs,Ret\n0.5,900,3.0\n0.4,1800,4.0\n")
    write_events(tmp_path / "events_2", [100, 200], 7.0, tag="Ret")
    about = "env: Hopper-v4\naxis: steps\ncolumns: {return_mean: Ret}\n"
    (tmp_path / "about_runs.yaml").write_text(about)
    table, events = runs_of(tmp_path)
    assert (table["return_mean"], table["labels"]) == (4.0, "")
    assert (events["steps"], events["return_mean"], events["labels"]) == (200, 7.0, "")
    (tmp_path / "about_runs.yaml").write_text("columns: {return_mean: Ret, steps: Trajs}\n")
    table, events = runs_of(tmp_path)
    assert (table["steps"], table["return_mean"], table["labels"]) == (1800, 4.0, "")
    assert events["status"] == "unreadable"
    assert events["message"].startswith("about_runs.yaml: columns: steps: no 'Trajs' with numbers")
    (tmp_path / "about_runs.yaml").write_text("columns: {return_mean: Rets, steps: Trajs}\n")
    table, events = runs_of(tmp_path)
    assert "columns: return_mean: no 'Rets' with numbers; did you mean 'Ret'?" in table["message"]


def test_a_table_beside_a_file_of_its_name_is_no_kept_curve(tmp_path):
    (tmp_path / "a.csv").write_text("global_step,episode_return\n100,1.0\n")
    (tmp_path / "a.json").write_text("{}")
    (run,) = runs_of(tmp_path)
    assert (run["format"], run["steps"], run["return_mean"]) == ("table", 100, 1.0)


def a_table_of_tune(folder, end=""):
    folder.mkdir(parents=True)
    header = "training_iteration,timesteps_total,episode_reward_mean,time_total_s\n"
    rows = "".join(f"{i},{i * 100},{i}.5,{i * 2.0}{end}\n" for i in (1, 2, 3))
    (folder / "progress.csv").write_text(header + rows)


def test_a_table_of_tune_alone_takes_what_its_folders_and_about_runs_tell(tmp_path):
    a_table_of_tune(tmp_path / "ALE" / "Pong-v5", end=",")
    (run,) = runs_of(tmp_path)
    assert (run["env"], run["algorithm"], run["seed"]) == ("ALE/Pong-v5", "Pong-v5", None)
    assert (run["steps"], run["return_mean"], run["rows"]) == (300, 3.5, 3)
    assert "algorithm unknown: grouped by the folder's name" in run["message"]
    about = "env: ALE/Boxing-v5\nalgorithm: A2C\nseed: 4\nlabels: [clipped rewards]\n"
    (tmp_path / "about_runs.yaml").write_text(about)
    (run,) = runs_of(tmp_path)
    assert (run["env"], run["algorithm"], run["seed"]) == ("ALE/Boxing-v5", "A2C", 4)
    assert (run["labels"], "unknown" in run["message"]) == (record.CLIPPED, False)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("PPO_CartPole-v1_0", "PPO"),
        ("OwnTrainer_Maze_9db89_00000_0_2023-10-21_20-21-13", "OwnTrainer"),
        ("large_model_7", "large_model"),
    ],
)
def test_the_algorithm_in_the_name_of_a_folder_of_tune(tmp_path, name, algorithm):
    a_table_of_tune(tmp_path / name)
    (run,) = runs_of(tmp_path)
    assert run["algorithm"] == algorithm
    assert ("algorithm unknown" in run["message"]) == (algorithm == "large_model")


def test_what_params_lack_is_taken_from_the_results(tmp_path):
    folder = tmp_path / "PPO_x_0"
    folder.mkdir()
    (folder / "params.json").write_text('{"env": null, "lr": 0.1}')
    config = {"env": "Pong-v0", "lr": 0.1, "seed": 3}
    result = {"training_iteration": 1, "timesteps_total": 10, "episode_reward_mean": 1.0}
    (folder / "result.json").write_text(json.dumps(result | {"config": config}) + "\n")
    (run,) = runs_of(tmp_path)
    assert (run["env"], run["seed"], run["message"]) == ("Pong-v0", 3, "")


def test_the_summary_beside_a_file_of_wandb_is_no_run(tmp_path):
    shutil.copytree(DATA / "wandb_offline", tmp_path / "wandb")
    before = runs_of(tmp_path)
    for file in list(tmp_path.rglob("*.wandb")):
        (file.parent / "files").mkdir(exist_ok=True)
        (file.parent / "files" / "wandb-summary.json").write_text(
            json.dumps({TAG: 5.0, "global_step": 9})
        )
    assert len(runs_of(tmp_path)) == len(before) > 0


@pytest.mark.parametrize("content", ["[\n 1,\n 2\n]\n", '{\n  "a": 1\n}\n'])
def test_a_result_of_another_program_is_no_trial_of_tune(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    (tmp_path / "curve.csv").write_text("steps,episode_return\n100,1.0\n")
    (run,) = runs_of(tmp_path)
    assert (run["format"], run["return_mean"]) == ("table", 1.0)


def test_settings_beside_the_files_of_another_library_are_no_trial_of_tune(tmp_path):
    (tmp_path / "params.json").write_text('{"lr": 0.1}')
    (run,) = runs_of(tmp_path)
    assert (run["format"], run["message"].split(";")[0]) == ("tune", "no results")
    a_monitor(tmp_path, {"env_id": "Hopper-v4"}, ["1.0,10,0.5"])
    (run,) = runs_of(tmp_path)
    assert (run["format"], run["steps"]) == ("sb3", 10)


def test_evaluations_hide_no_events_of_the_training(tmp_path):
    write_events(tmp_path / "DQN_1", [100, 200], 3.0, tag="rollout/ep_rew_mean")
    evaluations = {"timesteps": np.array([150]), "results": np.array([[1.0, 2.0]])}
    np.savez(tmp_path / "evaluations.npz", **evaluations)
    of_evaluations, training = runs_of(tmp_path)
    assert of_evaluations["labels"] == record.EVALUATION
    assert (training["steps"], training["return_mean"], training["labels"]) == (200, 3.0, "")


def test_events_of_runs_before_the_one_in_a_table_are_rows(tmp_path):
    names = "rollout/ep_rew_mean,time/total_timesteps\n"
    (tmp_path / "progress.csv").write_text(f"{names}2.0,100\n2.0,200\n")
    for number in (1, 2):
        write_events(
            tmp_path, [100, 200], number, tag="rollout/ep_rew_mean", filename_suffix=f".{number}"
        )
    table, events = runs_of(tmp_path)
    assert (table["format"], table["return_mean"]) == ("sb3", 2.0)
    assert (events["format"], events["return_mean"]) == ("tensorboard", 1.0)
