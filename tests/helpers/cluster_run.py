"""The command, training on a cluster: its results, and on which machine its runners live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

import yaml

from rllib_zoo.benchmarks.speed.measure import train_file
from rllib_zoo.experiments.paths import ROOT

# Its copies tell where they live: one line "<node> <process>" each.
PLACED = """
import os
import ray
from gymnasium.envs.classic_control import CartPoleEnv


class Placed(CartPoleEnv):
    def __init__(self, told=None):
        super().__init__()
        if told is not None and ray.is_initialized():
            context = ray.get_runtime_context()
            if context.get_actor_id() is not None:
                with open(told, "a") as file:
                    file.write(f"{context.get_node_id()} {context.get_actor_id()}\\n")
"""
CONFIG = {
    "num_env_runners": 4,
    "num_envs_per_env_runner": 4,
    "rollout_fragment_length": 10,
    "min_sample_timesteps_per_iteration": 800,
    "placement_strategy": "SPREAD",
    "seed": 0,
    "model": {"fcnet_hiddens": [16]},
}
OF_ALGORITHM: dict[str, dict[str, Any]] = {
    "A2C": {"train_batch_size": 160},
    "A3C": {},
    "PPO": {"train_batch_size": 160, "minibatch_size": 80, "num_epochs": 1},
}
PATIENCE = 420


class Run:
    """The command, training on the cluster."""

    def __init__(
        self, address, folder, algorithm, main="head", start=subprocess.Popen, options=(), **keys
    ):
        self.folder = folder
        (folder / "placed_env.py").write_text(PLACED)
        self.told = folder / "told"
        config = {
            **CONFIG,
            **OF_ALGORITHM[algorithm],
            "env_config": {"told": str(self.told)},
            "custom_resources_for_main_process": {main: 1},
        }
        entry = {
            "run": algorithm,
            "env": "placed_env.Placed",
            "stop": {"time_total_s": 3600},
            "checkpoint_config": {"checkpoint_frequency": 2, "num_to_keep": 2},
            "config": config,
            **keys,
        }
        (folder / "x.yaml").write_text(yaml.safe_dump({"x": entry}))
        self.output = (folder / "output").open("w")
        self.process = start(
            [
                *train_file("x.yaml"),
                "--ray-address",
                address,
                "--storage-path",
                "results",
                *options,
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    def rows(self):
        """Results so far; a line that is being written does not count."""
        files = list((self.folder / "results" / "x").glob("*/result.json"))
        lines = files[0].read_text().splitlines(keepends=True) if files else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, condition):
        """Wait until a result is as asked; all results."""
        deadline = time.monotonic() + PATIENCE
        while not any(condition(row) for row in self.rows()):
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, (self.folder / "output").read_text()
            time.sleep(0.5)
        return self.rows()

    def homes(self):
        """Node → runners that said they live there."""
        found: dict[str, set[str]] = {}
        for line in self.told.read_text().splitlines():
            node, actor = line.split()
            found.setdefault(node, set()).add(actor)
        return found

    def close(self):
        """End the command, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=120)
        return json.loads((self.folder / "results" / "x" / "manifest.json").read_text())


def faults(row):
    return row["fault_tolerance"]


def assert_counts_are_whole(rows):
    """Every iteration once, every step once."""
    assert [row["training_iteration"] for row in rows] == list(range(1, len(rows) + 1))
    total = 0
    for row in rows:
        total += row["env_runners"]["num_env_steps_sampled"]
        assert row["timesteps_total"] == total
