"""Every iteration once in `result.json` and `progress.csv`, whatever a kill left of them."""

from __future__ import annotations

import csv
import json
import struct
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.experiments.tune.loggers import (
    PROGRESS,
    REPEATED,
    EventFile,
    ProgressFile,
    documented_columns,
    read_results,
    truncate_progress,
    truncate_results,
)

HEADER = ["training_iteration", "timesteps_total", "env_runners/episode_return_mean"]


@dataclass(eq=False)
class FakeTrial:
    """What the loggers read of Tune's trial."""

    path: str
    trainable_name: str
    config: dict
    iteration: int = 0
    evaluated_params: dict = field(default_factory=dict)

    def init_local_path(self):
        pass

    @property
    def local_path(self):
        return self.path

    @property
    def latest_checkpoint_result(self):
        return SimpleNamespace(metrics={"training_iteration": self.iteration})


def row(iteration, try_=0):
    return {"training_iteration": iteration, "timesteps_total": 100 * iteration, "try": try_}


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def rows_in(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def trial(tmp_path):
    def make(results, progress=""):
        (tmp_path / "result.json").write_text(results)
        (tmp_path / PROGRESS).write_text(progress)
        return tmp_path

    return make


def test_what_comes_after_the_checkpoint_is_put_aside(trial):
    folder = trial(lines(row(1), row(2), row(3), row(4)))
    truncate_results(folder, 2)
    assert rows_in(folder / "result.json") == [row(1), row(2)]
    assert rows_in(folder / REPEATED) == [row(3), row(4)]
    (folder / "result.json").write_text(lines(row(1), row(2), row(3, 1)))
    truncate_results(folder, 0)
    assert (folder / "result.json").read_text() == ""
    assert rows_in(folder / REPEATED) == [row(3), row(4), row(1), row(2), row(3, 1)]


def test_nothing_to_take_out_leaves_the_file_alone(trial):
    folder = trial(lines(row(1), row(2)))
    before = (folder / "result.json").stat()
    truncate_results(folder, 2)
    after = (folder / "result.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (folder / REPEATED).exists()


def test_half_a_line_goes_and_what_stands_behind_it_stays(trial):
    half = lines(row(3))[:20]
    folder = trial(lines(row(1), row(2)) + half + lines(row(3, 1)) + half)
    truncate_results(folder, 5)
    assert rows_in(folder / "result.json") == [row(1), row(2), row(3, 1)]
    assert (folder / "result.json").read_text().endswith("}\n")


def test_repeats_of_an_earlier_release_become_one(trial):
    folder = trial(lines(row(1), row(2), row(3), row(2, 1), row(3, 1)))
    truncate_results(folder, 3)
    assert rows_in(folder / "result.json") == [row(1), row(2, 1), row(3, 1)]
    assert rows_in(folder / REPEATED) == [row(2), row(3)]


def test_an_empty_and_a_missing_file(tmp_path, trial):
    truncate_results(tmp_path, 3)
    assert not (tmp_path / "result.json").exists()
    assert truncate_progress(tmp_path, 3) == []
    truncate_results(trial(""), 3)
    assert truncate_progress(tmp_path, 3) == []
    assert read_results(tmp_path / "nothing", {1}) == {}


def test_rows_are_found_by_iteration_the_last_of_repeated_ones(trial):
    folder = trial(lines(row(1), row(2), row(2, 1), row(3)))
    assert read_results(folder, {2, 9}) == {2: row(2, 1)}


def table(*iterations):
    return "".join(
        f"{cells}\r\n" for cells in [",".join(HEADER), *(f"{i},{i}00,{i}.5" for i in iterations)]
    )


def test_the_table_is_cut_at_the_same_iteration(trial):
    folder = trial("", table(1, 2, 3) + "4,40")
    assert truncate_progress(folder, 2) == HEADER
    with (folder / PROGRESS).open(newline="") as file:
        assert [r["training_iteration"] for r in csv.DictReader(file)] == ["1", "2"]
    assert truncate_progress(folder, 0) == []
    assert not (folder / PROGRESS).exists()


def test_repeats_in_the_table_become_one(trial):
    folder = trial("", table(1, 2, 3, 2, 3))
    assert truncate_progress(folder, 3) == HEADER
    assert (folder / PROGRESS).read_bytes().decode() == table(1, 2, 3)


def csv_rows(folder):
    with (folder / PROGRESS).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_column_is_there_from_the_first_row(tmp_path):
    config = {"evaluation_interval": 2, "env": "CartPole-v1"}
    trial = FakeTrial(path=str(tmp_path), trainable_name="PPO", config=config)
    logger = ProgressFile()
    first = {"training_iteration": 1, "env_runners": {"num_episodes": 0}, "config": config}
    logger.log_trial_result(1, trial, first)
    (row,) = csv_rows(tmp_path)
    for name in result_names("PPO"):
        assert row[name] == {"training_iteration": "1", "env_runners/num_episodes": "0"}.get(
            name, ""
        )
    second = {
        "training_iteration": 2,
        "env_runners": {"num_episodes": 3, "episode_return_mean": 1.5},
        "evaluation": {"env_runners": {"episode_return_mean": -2.0}, "own": {"score": 7}},
    }
    logger.log_trial_result(2, trial, second)
    logger.log_trial_end(trial)
    resumed = ProgressFile()
    trial.iteration = 2
    resumed.log_trial_result(3, trial, {"training_iteration": 3, "late": "a,b"})
    resumed.log_trial_end(trial)
    rows = csv_rows(tmp_path)
    assert [r["training_iteration"] for r in rows] == ["1", "2", "3"]
    assert [r["env_runners/episode_return_mean"] for r in rows] == ["", "1.5", ""]
    assert [r["evaluation/env_runners/episode_return_mean"] for r in rows] == ["", "-2.0", ""]
    assert [r["evaluation/own/score"] for r in rows] == ["", "7", ""]
    assert [r["late"] for r in rows] == ["", "", "a,b"]


def test_columns_of_evaluations_only_where_there_are_any(tmp_path):
    trial = FakeTrial(path=str(tmp_path), trainable_name="DQN", config={})
    columns = documented_columns(trial)
    assert "env_runners/episode_window_size" in columns
    assert not [name for name in columns if name.startswith("evaluation/")]
    assert documented_columns(FakeTrial(path="", trainable_name="Mine", config={})) == []


def test_tensorboard_has_the_whole_configuration_from_the_start(tmp_path):
    config = {"lr": [[0, 0.1], [9, 0.0]], "model": {"fcnet_hiddens": [16]}, "seed": 3, "env": "Env"}
    trial = FakeTrial(str(tmp_path), "PPO", config)
    writer = EventFile()
    writer.log_trial_start(trial)
    writer.log_trial_result(1, trial, {"training_iteration": 1, "timesteps_total": 50, "x": 2.5})
    writer.log_trial_end(trial)
    (file,) = tmp_path.glob("events*")
    values = [(e.step, v) for e in events(file.read_bytes()) for v in e.summary.value]
    data = [HParamsPluginData.FromString(v.metadata.plugin_data.content) for _, v in values]
    (session,) = [dict(d.session_start_info.hparams) for d in data if d.session_start_info.hparams]
    assert {key: v.string_value or v.number_value for key, v in session.items()} == {
        "lr": "[[0, 0.1], [9, 0.0]]", "model/fcnet_hiddens": "[16]", "seed": 3.0, "env": "Env",
    }  # fmt: skip
    assert [(step, v.simple_value) for step, v in values if v.tag == "ray/tune/x"] == [(50, 2.5)]


def events(data):
    """The events of a file: each with its length before it, and checksums around it."""
    while data:
        (size,) = struct.unpack("<Q", data[:8])
        yield Event.FromString(data[12 : 12 + size])
        data = data[16 + size :]
