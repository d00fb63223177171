"""What `--dry-run` prints is the plan as it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rllib_zoo.experiments.launch.dry_run import print_plan
from rllib_zoo.experiments.launch.validation import validation_of
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.spec.experiment import Experiment


@pytest.fixture
def plan(capsys):
    def printed(algorithm, config, env="CartPole-v1"):
        experiment = Experiment("x", algorithm, env, config, {"training_iteration": 1})
        print_plan(validation_of(experiment, FileOptions(ray_num_cpus=4)), Path("there"))
        return yaml.safe_load(capsys.readouterr().out)["x"]

    return printed


@pytest.mark.parametrize(
    ("algorithm", "steps"), [("A2C", 400), ("PPO", 400), ("A3C", 50), ("PG", 400), ("DQN", 100)]
)
def test_steps_per_update_are_of_all_rounds(plan, algorithm, steps):
    config = {
        "num_env_runners": 2,
        "num_envs_per_env_runner": 5,
        "rollout_fragment_length": 10,
        **({"train_batch_size": 400} if algorithm != "A3C" else {}),
    }
    if algorithm == "PPO":
        config["minibatch_size"] = 100
    assert plan(algorithm, config)["steps_per_update"] == steps


def test_a_grid_of_environments_is_data(plan):
    grid = {"grid_search": ["CartPole-v0", "CartPole-v1"]}
    config = {"num_env_runners": 0, "num_envs_per_env_runner": 5, "train_batch_size": 400}
    assert plan("A2C", config, grid)["env"] == grid
