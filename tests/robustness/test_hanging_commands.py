"""An environment that hangs in the trainer: the command tells it, and Ctrl-C still ends the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from rllib_zoo.experiments.paths import ROOT

MODULE = """
import time

import gymnasium as gym
import numpy as np
import ray


class Hang(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, config):
        self.place = config["place"]
        self.hang("built")

    def hang(self, place):
        # Not in the command, which tries the environment too.
        if self.place == place and ray.is_initialized():
            time.sleep(1e6)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.hang("step")
        return np.zeros(2, np.float32), 1.0, False, False, {}
"""
FILE = """
"hang[red]ing":
  run: A2C
  env: hanging_module.Hang
  stop: {training_iteration: 2}
  config: {num_env_runners: 0, sample_timeout_s: 3, env_config: {place: PLACE}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "doing"),
    [("built", "starting its processes, which build environment"), ("step", "no result yet")],
)
def test_a_hanging_trainer_is_told_and_ended(tmp_path, place, doing):
    (tmp_path / "hanging_module.py").write_text(MODULE)
    (tmp_path / "file.yaml").write_text(FILE.replace("PLACE", place))
    storage = ("--storage-path", str(tmp_path / "out"), "--ray-num-cpus", "1")
    command = [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "train", "file", "file.yaml"]
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    run = subprocess.Popen(
        [*command, *storage],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    try:
        for line in run.stderr:
            lines.append(line)
            if doing in line and "may hang" in line:
                break
        told = time.monotonic()
        run.send_signal(signal.SIGINT)
        rest = run.communicate(timeout=240)[1]
    finally:
        run.kill()
    # 10 s for checkpoints, 5 s of Tune's for its processes; the rest is a busy machine's.
    assert time.monotonic() - told < 200
    assert run.returncode == 130, "".join([*lines, rest])
    assert "environment 'hanging_module.Hang' may hang; Ctrl-C ends the run" in lines[-1]
    assert "Traceback" not in "".join([*lines, rest])
