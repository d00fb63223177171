"""Before anything starts: environments that fail, folders without room, counts by hand."""

from __future__ import annotations

import math

import faulty_envs
import numpy as np
import pytest

from rllib_zoo.envs.probes import ConstantReward
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.search import number_of_trials
from rllib_zoo.experiments.validation.check import validate
from rllib_zoo.experiments.validation.preflight import (
    CHECKPOINT_BYTES,
    ROW_BYTES,
    DiskNeed,
    check_disk,
    checkpoint_bytes,
    disk_need,
    iterations_bound,
)

TINY = {"num_env_runners": 0, "num_envs_per_env_runner": 4, "train_batch_size": 400}


def experiment(env="CartPole-v1", algorithm="A2C", stop=None, config=None, **fields):
    stop = stop or {"training_iteration": 10}
    return Experiment("x", algorithm, env, {**TINY, **(config or {})}, stop, **fields)


def tried(asked):
    validate(asked)


class BreaksAtReset(ConstantReward):
    def reset(self, **_):
        raise OSError("the simulator did not answer\nand more of it")


class BreaksAtStep(ConstantReward):
    def step(self, action):
        raise RuntimeError("the pole is broken")


class RewardsNothingNumeric(ConstantReward):
    def step(self, action):
        return np.zeros(1, np.float32), math.nan, False, False, {}


class Shows(ConstantReward):
    """The observation of every step; its space is [-1, 1]."""

    def __init__(self, shown=0.0):
        self.shown = shown

    def step(self, action):
        return np.array([self.shown], np.float32), 1.0, True, False, {}


class ShowsNothingNumeric(Shows):
    def __init__(self):
        super().__init__(math.nan)


class ShowsFirst(Shows):
    """The same, of every reset alone."""

    def _start(self):
        return np.array([self.shown], np.float32)

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, True, False, {}


class Steppable(ConstantReward):
    """Counts how often it is stepped, in all copies."""

    steps = 0

    def __init__(self, length=1):
        self.length = length

    def step(self, action):
        Steppable.steps += 1
        if self.length == 13:
            raise RuntimeError("length 13 is unlucky")
        return super().step(action)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (BreaksAtReset, "OSError: the simulator did not answer"),
        (BreaksAtStep, "RuntimeError: the pole is broken"),
        (RewardsNothingNumeric, "ValueError: the reward is nan"),
        (ShowsNothingNumeric, "ValueError: the observation holds nan"),
    ],
)
def test_an_environment_that_fails_is_one_line(env, words):
    with pytest.raises(RequestError) as caught:
        tried(experiment(env))
    line = str(caught.value)
    assert line.startswith("env: environment")
    assert line.endswith(words)
    assert "\n" not in line


@pytest.mark.parametrize("env", [Shows, ShowsFirst])
@pytest.mark.parametrize(
    ("shown", "note"),
    [
        (5.0, "observation[0] is 5, its bounds are -1 and 1; observations are not clipped"),
        (-1.0 - 1e-5, None),  # of rounding
        (1.0, None),
    ],
)
def test_an_observation_out_of_bounds_has_a_note(env, shown, note):
    asked = experiment(env, config={"env_config": {"shown": shown}})
    notes = [text for text in validate(asked).experiment.notes if "observation" in text]
    assert [text.split(": ", 1)[1] for text in notes] == ([note] if note else [])


def test_an_error_in_close_is_a_note():
    notes = validate(experiment(faulty_envs.NeverCloses)).experiment.notes
    assert notes[-1].endswith(": OSError: the port is gone in close()")


def test_a_good_environment_is_really_stepped():
    Steppable.steps = 0
    tried(experiment(Steppable))
    assert Steppable.steps == 1


def test_every_alternative_of_a_grid_is_tried():
    grid = {"length": {"grid_search": [1, 13]}}
    with pytest.raises(RequestError, match="length 13 is unlucky"):
        tried(experiment(Steppable, config={"env_config": grid}))
    with pytest.raises(RequestError, match="the pole is broken"):
        tried(experiment({"grid_search": [Steppable, BreaksAtStep]}))


@pytest.mark.parametrize("algorithm", ["A2C", "DQN"])
def test_atari_in_its_vector_form(algorithm):
    config = {"env_config": {"screen_size": 42}, "num_env_runners": 0}
    asked = Experiment("x", algorithm, "ALE/Pong-v5", config, {"training_iteration": 1})
    if algorithm == "A2C":
        asked = experiment("ALE/Pong-v5", config={"env_config": {"screen_size": 42}})
    tried(asked)


def test_grids_and_seeds_multiply():
    config = {
        "lr": {"grid_search": [1e-3, 1e-4]},
        "model": {"fcnet_hiddens": {"grid_search": [[8], [16], [32]]}},
        "gamma": {"uniform": [0.9, 0.99]},
    }
    asked = experiment(config=config, seeds=(0, 1, 2), num_samples=5)
    assert number_of_trials(asked) == 6 * 3 * 5
    assert number_of_trials(experiment()) == 1


@pytest.mark.parametrize(
    ("stop", "config", "expected"),
    [
        ({"training_iteration": 7}, {}, 7),
        ({"timesteps_total": 4001}, {"min_sample_timesteps_per_iteration": 0}, 11),  # of 400 steps
        ({"timesteps_total": 12_000, "training_iteration": 9}, {}, 9),
        # An iteration is filled with whole updates, by default to 1,000 steps: 3 x 400.
        ({"timesteps_total": 12_000}, {}, 10),
        ({"timesteps_total": 12_000}, {"min_sample_timesteps_per_iteration": 2000}, 6),
        ({"time_total_s": 60}, {}, None),
        ({"episode_reward_mean": 475}, {}, None),
    ],
)
def test_iterations_at_most(stop, config, expected):
    asked = experiment(stop=stop, config=config)
    assert iterations_bound(asked, validate(asked).config) == expected


@pytest.mark.parametrize(
    ("fields", "checkpoints"),
    [
        ({}, 1),
        ({"checkpoint_at_end": False}, 0),
        ({"checkpoint_frequency": 2}, 6),
        ({"checkpoint_frequency": 2, "num_to_keep": 2}, 3),  # one more while it is written
        ({"checkpoint_frequency": 20}, 1),
    ],
)
def test_checkpoints_on_disk_at_once(fields, checkpoints):
    asked = experiment(**fields)
    validated = validate(asked)
    need = disk_need(asked, validated.config, validated.module, trials=3)
    assert (need.trials, need.checkpoints, need.rows) == (3, checkpoints, 10)
    assert need.bytes == 3 * (checkpoints * need.checkpoint_bytes + 10 * ROW_BYTES)


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [({"type": "adam"}, 3), ({"type": "rmsprop"}, 2), ({"type": "rmsprop", "momentum": 0.9}, 3)],
)
def test_a_checkpoint_holds_weights_and_averages(optimizer, copies):
    config = {"model": {"fcnet_hiddens": [8], "vf_share_layers": True}, "optimizer": optimizer}
    weights = (4 * 8 + 8) + (8 * 2 + 2) + (8 * 1 + 1)
    validated = validate(experiment(config=config))
    size = checkpoint_bytes(validated.config, validated.module)
    assert size == copies * 4 * weights + CHECKPOINT_BYTES


@pytest.mark.ray
@pytest.mark.parametrize("algorithm", ["A2C", "PPO"])
def test_a_real_checkpoint_has_about_that_size(ray_session, tmp_path, algorithm):
    config = {"model": {"fcnet_hiddens": [256, 256]}, "minibatch_size": None}
    validated = validate(experiment(algorithm=algorithm, config=config))
    algo = validated.config.copy(copy_frozen=False).build_algo()
    algo.train()
    algo.save_to_path(tmp_path / "checkpoint")
    algo.stop()
    real = sum(f.stat().st_size for f in (tmp_path / "checkpoint").rglob("*") if f.is_file())
    assert real == pytest.approx(checkpoint_bytes(validated.config, validated.module), rel=0.25)


def test_too_little_room_is_one_line_with_both_numbers(tmp_path):
    need = DiskNeed(trials=10**9, checkpoints=2, checkpoint_bytes=2**20, rows=50)
    with pytest.raises(RequestError) as caught:
        check_disk(experiment(), tmp_path / "new" / "x", need)
    line = str(caught.value)
    assert line.startswith(f"storage_path: {tmp_path}/new/x needs about 2725.9 TiB (1000000000 ")
    assert "are free; another --storage-path" in line
    assert not (tmp_path / "new").exists()
    check_disk(experiment(), tmp_path / "new" / "x", DiskNeed(1, 2, 2**20, 50))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="file is not a folder"):
        check_disk(experiment(), tmp_path / "file" / "x", DiskNeed(1, 1, 1, 1))


def test_a_folder_of_the_kernel_cannot_be_written():
    from pathlib import Path

    with pytest.raises(RequestError, match="/proc/x/y cannot be written: /proc: "):
        check_disk(experiment(), Path("/proc/x/y"), DiskNeed(1, 1, 1, 1))
