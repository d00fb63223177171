"""A training whose numbers break, through Tune: what is kept and what is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import faulty_envs
import numpy as np
import pytest
from ray import cloudpickle
from ray.tune.registry import register_env

from rllib_zoo.experiments.cli.main import main
from rllib_zoo.experiments.evaluation.evaluate import evaluate_checkpoint
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.run import run_all
from rllib_zoo.experiments.options import EvaluateOptions, FileOptions
from rllib_zoo.experiments.spec.experiment import Experiment

CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 40,
    "minibatch_size": 20,
    "num_epochs": 1,
    "vf_clip_param": None,
    "seed": 1,
    "model": {"fcnet_hiddens": [8]},
}
# Processes that Ray starts do not know the tests' helpers.
cloudpickle.register_pickle_by_value(faulty_envs)

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_session", "no_strict_metric"),
]


@pytest.fixture
def train(tmp_path, capsys):
    """Run PPO on one of the faulty environments; exit code, manifest row and what was printed."""

    def run(env, **config):
        name = f"faulty-{env.__name__}"
        register_env(name, lambda options: env(**options))
        experiment = Experiment(
            "x",
            "PPO",
            name,
            {**CONFIG, **config},
            {"training_iteration": 6},
            storage_path=str(tmp_path),
            checkpoint_frequency=1,
        )
        options = FileOptions(ray_num_cpus=4)
        code = run_all([validate_job(experiment, options)], options)
        manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
        return code, manifest["trials"][0], capsys.readouterr().out

    return run


def test_the_last_good_checkpoint_is_kept_and_named(train, monkeypatch, capsys):
    code, trial, printed = train(faulty_envs.LoudRewards)
    assert (code, trial["status"], trial["iterations"]) == (1, "failed", 2)
    # The 26th step of a copy comes in the third batch of 10.
    assert re.search(
        r"FloatingPointError: gradient norm is (inf|nan) at environment step \d+, iteration 3, "
        r"epoch 1, minibatch 1, update \d+ \(total_loss .*\); the update was not applied; batch of "
        r"\d+ steps: observations 0 to 9, rewards 1 to 1e\+30, ",
        trial["error"],
    )
    error = (Path(trial["folder"]) / "error.txt").read_text()
    assert error.strip().splitlines()[-1] == trial["error"]
    checkpoint = Path(trial["checkpoint"])
    assert checkpoint.name == "checkpoint_000001"
    assert f"evaluate it: rllib evaluate {checkpoint} --episodes 100" in printed
    assert trial["error"] in printed
    score = evaluate_checkpoint(checkpoint, EvaluateOptions(episodes=4))
    assert np.isfinite(score.mean)

    # Played in an environment that breaks, it ends with one line and exit code 1.
    name = "faulty-BadReward"
    register_env(name, lambda options: faulty_envs.BadReward())
    arguments = ["evaluate", str(checkpoint), "--env", name, "--episodes", "40"]
    monkeypatch.setattr("sys.argv", ["rllib", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    output = capsys.readouterr().err
    assert "environment 'faulty-BadReward', copy 0: an episode's return is nan" in output
    assert "Traceback" not in output


def test_restarts_stand_in_the_summary(train):
    code, trial, printed = train(faulty_envs.Flaky, env_config={"step": 0.05, "reset": 0.05})
    assert (code, trial["status"]) == (0, "done")
    assert trial["env_restarts"] > 0
    assert f"{trial['env_restarts']} environments were restarted after errors" in printed


def test_a_broken_environment_is_named_in_the_summary(train):
    code, trial, printed = train(faulty_envs.BadReward)
    assert (code, trial["status"]) == (1, "failed")
    line = "environment 'faulty-BadReward', copy 0: reward is nan (at step 5 of the fragment); in "
    assert line + "iteration 2, after 40 environment steps" in trial["error"]
    assert trial["error"] in printed
