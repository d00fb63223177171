"""Trackers of experiments: the key of Weights & Biases in no file, and the same names everywhere."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest
from ray.air.integrations import wandb as integration

from rllib_zoo.analysis.results import load
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.summary import resume_command
from rllib_zoo.experiments.launch.tracking import require_trackers, trackers
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance import manifest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def installed(monkeypatch):
    """As if wandb was installed; it is an optional package."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr(integration, "wandb", object())
    monkeypatch.setenv("WANDB_API_KEY", "before")  # restored at the end


def test_the_logger_that_tune_pickles_has_no_key(installed):
    options = FileOptions(wandb_key=SECRET, wandb_project="mine")
    require_trackers(options)
    assert os.environ["WANDB_API_KEY"] == SECRET
    (callback,) = trackers(options, "tiny")
    assert isinstance(callback, integration.WandbLoggerCallback)
    assert SECRET.encode() not in pickle.dumps(callback)
    assert callback.project == "mine"


def test_the_project_is_the_experiments_name(installed):
    assert trackers(FileOptions(wandb_key=SECRET), "tiny")[0].project == "tiny"


def test_ray_writes_no_runtime_environment_with_the_key(installed, monkeypatch, tmp_path):
    (callback,) = trackers(FileOptions(wandb_key=SECRET), "tiny")
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    seen = []
    monkeypatch.setattr(
        integration.WandbLoggerCallback,
        "_start_logging_actor",
        lambda self, *args, **kwargs: seen.append(os.environ.get("WANDB_API_KEY")),
    )
    callback._start_logging_actor(SimpleNamespace(path=str(tmp_path)), [])
    assert seen == [None]
    assert os.environ["WANDB_API_KEY"] == SECRET


def test_a_running_clusters_log_does_not_get_it(installed):
    with pytest.raises(RequestError, match="--wandb-key: would be written into the logs") as caught:
        require_trackers(FileOptions(wandb_key=SECRET, ray_address="auto"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("option", [["--wandb-key", SECRET], [f"--wandb-key={SECRET}"]])
def test_manifest_and_next_command_show_that_there_is_one(option, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rllib", "train", "file", "x.yaml", *option, "-v"])
    shown = " ".join(option).replace(SECRET, "KEY")
    assert resume_command() == f"rllib train file x.yaml {shown} -v --resume"
    request = Experiment(
        "x", "PPO", "CartPole-v1", {"num_env_runners": 0}, {"training_iteration": 1}
    )
    written = manifest.build_manifest(
        experiment=request,
        resolved=validate(request).config,
        exact_resume=False,
        reserved_cpus=1,
    )
    assert written["command"] == f"rllib train file x.yaml {shown} -v"
    assert SECRET not in str(written)


@pytest.mark.slow
@pytest.mark.ray
def test_all_trackers_get_the_same_names(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("wandb", reason="wandb is not installed")
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    offline = {"MLFLOW_TRACKING_URI": store, "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    options = ["--mlflow-experiment", "mine", "--wandb-project", "mine"]
    options += ["--storage-path", str(tmp_path / "results"), "--experiment-name", "tiny"]
    config = {"num_env_runners": 0, "train_batch_size": 64, "lr": 0.01}
    request = ["--algo", "A2C", "--env", "CartPole-v1", "--config", json.dumps(config)]
    command = [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "train", *request, *options]
    stop = ["--stop", json.dumps({"training_iteration": 6})]
    done = subprocess.run(
        [*command, *stop], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)} | offline,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (trial,) = (tmp_path / "results" / "tiny").glob("A2C_*")
    results = [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]
    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert run.data.params["lr"] == "0.01"
    assert run.data.tags["experiment"] == "tiny"
    for name in ("episode_return_mean", "episode_len_mean"):
        history = client.get_metric_history(run.info.run_id, f"env_runners/{name}")
        runners = {r["timesteps_total"]: r["env_runners"] for r in results}
        expected = [(step, found[name]) for step, found in runners.items() if name in found]
        assert [(m.step, m.value) for m in history] == expected
        assert expected
    assert not [key for key in run.data.metrics if key.startswith("config/")]
    (log,) = trial.glob("wandb/offline-run-*/*.wandb")
    assert run.info.run_name.encode() in log.read_bytes()
    assert b"env_runners/episode_len_mean" in log.read_bytes()
    # The tracker's copy of the results is no run of its own.
    assert list(load(tmp_path / "results").runs["format"]) == ["tune"]


def test_a_store_that_cannot_be_used_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(
        RequestError, match=r"--mlflow-experiment: sqlite:.* cannot be used: "
    ) as error:
        require_trackers(FileOptions(mlflow_experiment="mine"))
    assert "\n" not in str(error.value)
