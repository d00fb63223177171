"""Instead of Tune's Tuner: writes results as a training does, without Ray, and interrupted experiments."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.trials import MANIFEST, RESULT
from rllib_zoo.experiments.provenance.folder_lock import LOCK
from rllib_zoo.experiments.provenance.process_identity import current_process
from rllib_zoo.experiments.provenance.trust import mark_as_own

TRIAL = "PPO_CartPole-v1_seed1"


class StandInTuner:
    """Instead of Tune's Tuner: writes results with its process's id until it may end."""

    folder: Path
    may_end: Callable[[], bool]
    draw: random.Random

    def __init__(self, *_: Any, **__: Any):
        pass

    @classmethod
    def restore(cls, *_: Any, **__: Any) -> StandInTuner:
        return cls()

    def fit(self) -> list[dict[str, Any]]:
        trial = self.folder / TRIAL
        trial.mkdir(exist_ok=True)
        write_state(self.folder)
        while True:
            with (trial / RESULT).open("a") as file:
                file.write(json.dumps({"pid": os.getpid()}) + "\n")
            if type(self).may_end():
                break
            time.sleep(self.draw.random() * 0.01)
        row = dict.fromkeys(
            ("varied", "seed", "steps", "episode_return_mean", "episode_window_size", "seconds")
        )
        row |= dict.fromkeys(
            ("score", "iterations", "checkpoint", "checkpoint_score", "env_restarts", "error")
        )
        return [{**row, "trial": "1", "name": TRIAL, "status": "done", "folder": str(trial)}]


def write_state(folder: Path) -> None:
    """What Tune writes before the first trial."""
    (folder / "tuner.pkl").touch()
    state = {"trial_data": [json.dumps({"relative_logdir": TRIAL})]}
    write_json(folder / "experiment_state-2026-01-01_00-00-00.json", state)


def interrupted_run(folder: Path, draw: random.Random) -> None:
    """An interrupted experiment; every second time a killed process has left its lock."""
    (folder / TRIAL).mkdir(parents=True)
    (folder / TRIAL / RESULT).write_text('{"pid": 0}\n')
    write_json(folder / MANIFEST, {"status": "interrupted", "command": "earlier"})
    mark_as_own(folder)
    write_state(folder)
    if draw.random() < 0.5:
        dead = {
            **current_process(),
            "process_start": 1,
            "token": "dead",
            "since": "",
            "command": "",
        }
        (folder / LOCK).write_text(json.dumps(dead))
