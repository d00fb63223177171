"""An algorithm of one's own: a module with its configuration, its class and its descriptor."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml

from rllib_zoo import algorithms

TOY = """
from dataclasses import replace

from rllib_zoo import algorithms
from rllib_zoo.algorithms import descriptors
from rllib_zoo.algorithms.a2c import A2C, A2CConfig
from rllib_zoo.algorithms.base.validators import number


class DoubledEntropyConfig(A2CConfig):
    def __init__(self, algo_class=None):
        super().__init__(algo_class=algo_class or DoubledEntropy)
        self.doubling = 1.0

    def validate(self):
        super().validate()
        self.entropy_coeff = self.entropy_coeff * self.doubling


class DoubledEntropy(A2C):
    default_config_class = DoubledEntropyConfig


algorithms.add(
    replace(
        descriptors.A2C,
        name="DoubledEntropy",
        algorithm=DoubledEntropy,
        keys={**descriptors.A2C.keys, "doubling": number(1)},
    )
)
"""


@pytest.fixture
def run(tmp_path):
    """``rllib train file toy.yaml --import toy`` in a folder of its own."""
    (tmp_path / "toy.py").write_text(TOY)

    def run(*options, **config):
        config = {"num_env_runners": 0, "model": {"fcnet_hiddens": [4]}, "seed": 1, **config}
        stop = {"training_iteration": 1}
        experiment = {
            "run": "DoubledEntropy", "env": "CartPole-v1", "stop": stop, "config": config,
        }  # fmt: skip
        (tmp_path / "toy.yaml").write_text(yaml.safe_dump({"toy": experiment}))
        words = ["train", "file", "toy.yaml", "--import", "toy", "--storage-path", "results"]
        return subprocess.run(
            [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *words, *options],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_wrong_value_of_its_own_key_is_one_line(run):
    done = run("--dry-run", doubling=0.5, dubling=2)
    assert done.returncode == 2
    value, key = done.stderr.splitlines()
    assert value.endswith("config.doubling: must be a number of at least 1, got 0.5")
    assert "config.dubling: is not a key of DoubledEntropy; did you mean 'doubling'?" in key


@pytest.mark.ray
def test_it_trains_from_a_config_file(run, tmp_path):
    done = run(doubling=2, entropy_coeff=0.01)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (tmp_path / "results" / "toy").glob("*/result.json")
    learner = json.loads(file.read_text().splitlines()[-1])["learners"]["default_policy"]
    assert learner["entropy_coeff"] == pytest.approx(0.02)
    assert json.loads((file.parents[1] / "manifest.json").read_text())["status"] == "done"


def test_names_of_this_project_are_taken():
    with pytest.raises(ValueError, match="'A2C' is taken"):
        algorithms.add(algorithms.descriptor("A2C"))


def test_an_unknown_name_raises():
    with pytest.raises(KeyError):
        algorithms.descriptor("Nonsense")
