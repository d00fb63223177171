"""The key of Weights & Biases: in no file, in no printed line."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest
from ray.air.integrations import wandb as integration

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.summary import resume_command
from rllib_zoo.experiments.launch.tuner import tracking_callbacks
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.provenance import manifest
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def installed(monkeypatch):
    """As if wandb was installed; it is an optional package."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr(integration, "wandb", object())
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "before")  # restored at the end


def test_the_logger_that_tune_pickles_has_no_key(installed):
    (callback,) = tracking_callbacks(FileOptions(wandb_key=SECRET, wandb_project="mine"))
    assert isinstance(callback, integration.WandbLoggerCallback)
    assert SECRET.encode() not in pickle.dumps(callback)
    assert callback.project == "mine"
    assert os.environ["WANDB_API_KEY"] == SECRET


def test_ray_writes_no_runtime_environment_with_the_key(installed, monkeypatch):
    (callback,) = tracking_callbacks(FileOptions(wandb_key=SECRET))
    seen = []
    monkeypatch.setattr(
        integration.WandbLoggerCallback,
        "_start_logging_actor",
        lambda self, *args, **kwargs: seen.append(os.environ.get("WANDB_API_KEY")),
    )
    callback._start_logging_actor("trial", [])
    assert seen == [None]
    assert os.environ["WANDB_API_KEY"] == SECRET


def test_a_running_clusters_log_does_not_get_it(installed):
    with pytest.raises(RequestError, match="--wandb-key: would be written into the logs") as caught:
        tracking_callbacks(FileOptions(wandb_key=SECRET, ray_address="auto"))
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
        notes=[],
        restore_from=Path("x"),
    )
    assert written["command"] == f"rllib train file x.yaml {shown} -v"
    assert SECRET not in str(written)
