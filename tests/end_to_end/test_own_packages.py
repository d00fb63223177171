"""A project with packages named as this one's folders: they are its own in every process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

pytestmark = pytest.mark.ray

GRID = """
import gymnasium as gym


class Grid(gym.Env):
    observation_space = gym.spaces.Discrete(4)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = self.steps = 0
        return self.at, {}

    def step(self, action):
        self.at = min(self.at + int(action), 3)
        self.steps += 1
        return self.at, -1.0, self.at == 3, self.steps == 20, {}
"""
NETWORK = """
import torch
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2


class Linear(TorchModelV2, torch.nn.Module):
    def __init__(self, obs_space, action_space, num_outputs, model_config, name):
        TorchModelV2.__init__(self, obs_space, action_space, num_outputs, model_config, name)
        torch.nn.Module.__init__(self)
        self.logits = torch.nn.Linear(obs_space.shape[0], num_outputs)
        self.values = torch.nn.Linear(obs_space.shape[0], 1)

    def forward(self, input_dict, state, seq_lens):
        self.obs = input_dict["obs"].float()
        return self.logits(self.obs), state

    def value_function(self):
        return self.values(self.obs).squeeze(1)
"""
CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 40,
    "lr": {"grid_search": [1e-3, 1e-2]},
    "seed": 1,
    "model": {"custom_model": "custom_models.Linear"},
}
# Environment and network of this project, by the name of a file.
OURS = {
    "network": ("envs.waiting.Waiting", "custom_models.SharedEncoderActorCritic"),
    "registered": ("CartPole-v1", None),
}
PACKAGES = ("algorithms", "analysis", "benchmarks", "custom_models", "envs", "experiments")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with packages of these names; what they hold is the user's."""
    folder = tmp_path_factory.mktemp("project")
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("OWNER = 'user'\n")
    (folder / "envs" / "grid.py").write_text(GRID)
    (folder / "custom_models" / "__init__.py").write_text(NETWORK)
    write(folder, "grid")
    return folder


def write(folder, name, config=None, stop=None, env="envs.grid.Grid"):
    given = {
        "run": "A2C",
        "env": env,
        "stop": stop or {"training_iteration": 2},
        "config": CONFIG if config is None else config,
        "checkpoint_config": {"checkpoint_frequency": 1},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({name: given}))


def command(*arguments):
    return [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *map(str, arguments)]


def rllib(folder, *arguments):
    """Run the command in the project's folder, which is on the path as many projects have it."""
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def trained(project):
    """Two trials, each in a process of its own."""
    rllib(project, "train", "file", "grid.yaml", "--storage-path", "results")
    return project / "results" / "grid"


@pytest.mark.slow
def test_a_sweep_trains_on_the_users_environment_and_network(trained):
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["env"] == "envs.grid.Grid"
    assert [trial["status"] for trial in manifest["trials"]] == ["done", "done"]
    returns = [
        json.loads(file.read_text().splitlines()[-1])["env_runners"]["episode_return_mean"]
        for file in trained.glob("*/result.json")
    ]
    assert len(returns) == 2
    assert all(value <= -3 for value in returns)  # three steps at least, each costs 1


@pytest.mark.slow
def test_evaluation_and_report(project, trained):
    done = rllib(project, "evaluate", next(trained.glob("*/checkpoint_*")), "--episodes", "2")
    assert "2 episodes" in done.stdout
    rllib(project, "report", trained, "-o", "comparison")
    assert "envs.grid.Grid" in (project / "comparison" / "report.html").read_text()


def rows(file):
    return len(file.read_text().splitlines()) if file.exists() else 0


def interrupted_after(project, ready, *options):
    """Train ``long.yaml`` until something holds, interrupt it; the exit code."""
    words = ["train", "file", "long.yaml", "--storage-path", "results", *options]
    process = subprocess.Popen(
        command(*words), cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 200
        while not ready():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        return process.wait(60)
    finally:
        process.kill()


@pytest.mark.slow
def test_resume(project):
    write(
        project,
        "long",
        {**CONFIG, "lr": 1e-3, "num_env_runners": 1},
        stop={"training_iteration": 100_000},
    )
    folder = project / "results" / "long"
    begun = lambda: list(folder.glob("*/checkpoint_*/rllib_checkpoint.json"))  # noqa: E731
    assert interrupted_after(project, begun) == 130
    (file,) = folder.glob("*/result.json")
    before = rows(file)
    assert interrupted_after(project, lambda: rows(file) > before, "--resume") == 130


@pytest.fixture(scope="module")
def plans(project):
    """The plan of every file below, by its name: a Python file of the user's, and names of ours."""
    (project / "own.py").write_text(
        "from analysis import OWNER\n"
        "from envs.grid import Grid\n"
        "from rllib_zoo import A2CConfig\n"
        "assert OWNER == 'user'\n"
        "config = A2CConfig().environment(Grid).env_runners(num_env_runners=0)\n"
        "stop = {'training_iteration': 1}\n"
    )
    for name, (env, model) in OURS.items():
        config = {"num_env_runners": 0, "model": {"custom_model": model} if model else {}}
        write(project, name, config, env=env)
    files = ["own.py", *(f"{name}.yaml" for name in OURS)]
    return yaml.safe_load(rllib(project, "train", "file", *files, "--dry-run").stdout)


def test_a_python_file_imports_the_users_packages(plans):
    assert plans["own"]["env"] == "envs.grid.Grid"


@pytest.mark.parametrize("name", OURS)
def test_names_of_this_project_are_understood_beside_the_users(plans, name):
    env, model = OURS[name]
    assert plans[name]["env"] == env
    assert plans[name]["config"]["model"].get("custom_model") == model


@pytest.mark.slow
def test_a_notebook_has_both(project, trained):
    cell = nbformat.v4.new_code_cell(
        "import envs\n"
        "from envs.grid import Grid\n"
        "from rllib_zoo.analysis.results import load\n"
        "print(envs.OWNER, len(load(['results/grid']).runs))"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(project)}}).execute()
    assert notebook.cells[0].outputs[0]["text"] == "user 2\n"
