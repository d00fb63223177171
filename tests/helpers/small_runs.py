"""Trainings of some seconds in this process, for what happens before, between and after them."""

from __future__ import annotations

import json
import pickle

from rllib_zoo.experiments.evaluation.checkpoints import MODULE_FOLDER
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.run import run_job
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.provenance.manifest import read_manifest, write_manifest
from rllib_zoo.experiments.spec.experiment import Experiment

UNSEEDED = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 128,
    "minibatch_size": 64,
    "num_epochs": 1,
    "model": {"fcnet_hiddens": [8]},
}
CONFIG = {**UNSEEDED, "seed": 1}


def experiment(storage, stop=None, **changes):
    """A PPO run named `run`; six iterations with a checkpoint after every second."""
    fields = {"checkpoint_frequency": 2, "storage_path": str(storage), **changes}
    return Experiment(
        "run", "PPO", "CartPole-v1", CONFIG, stop or {"training_iteration": 6}, **fields
    )


def run(asked, *, resume=False, **given):
    """The exit code."""
    options = FileOptions(ray_num_cpus=4, resume=resume, **given)
    return run_job(validate_job(asked, options, resume), options)


def trial_of(storage):
    (trial,) = (path for path in (storage / "run").iterdir() if path.name.startswith("PPO_"))
    return trial


def iterations_in(file):
    return [json.loads(line)["training_iteration"] for line in file.read_text().splitlines()]


def checkpoints_of(trial):
    return sorted(path.name for path in trial.glob("*checkpoint_*"))


def weights_of(checkpoint):
    """As bytes, name by name."""
    with (checkpoint / MODULE_FOLDER / "module_state.pkl").open("rb") as file:
        return {name: value.tobytes() for name, value in pickle.load(file).items()}


def as_if_killed(storage):
    """Let Tune's state and the manifest say what they said before the trial's end was noted."""
    manifest = read_manifest(storage / "run")
    write_manifest(storage / "run", {**manifest, "status": "running"})
    (state,) = (storage / "run").glob("experiment_state-*.json")
    content = json.loads(state.read_text())
    trial = json.loads(content["trial_data"][0][0])
    content["trial_data"][0][0] = json.dumps({**trial, "status": "RUNNING"})
    state.write_text(json.dumps(content))
