"""The winner of a sweep as a config file that the command accepts."""

import pytest
from typer.testing import CliRunner

from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.report.report import report
from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.config.load import read_experiments

FAST = ReportOptions(resamples=100)
STOP = {"timesteps_total": 4096}


def sweep(trial, **manifest):
    for lr in (0.001, 0.002, 0.003):
        for seed in (3, 4):
            config = {"lr": lr, "seed": seed, "lambda": 0.95, "train_batch_size": 256,
                      "model": {"fcnet_hiddens": [8]}}  # fmt: skip
            heights = (0.0, 100 * lr if lr < 0.003 else 0.0)
            trial(f"{lr}-{seed}", returns=heights, config=config, **manifest)


def test_the_winner_trains_on_fresh_seeds(trial, tmp_path):
    sweep(trial, manifest={"stop": STOP, "request": {"time_budget_s": 60}})
    report([tmp_path / "results"], tmp_path / "out", FAST)
    file = tmp_path / "out" / "best.yaml"
    (experiment,) = read_experiments(file)
    assert (experiment.algorithm, experiment.env, experiment.stop) == ("PPO", "CartPole-v1", STOP)
    assert experiment.time_budget_s == 60
    expected = {
        "lr": 0.002,
        "lambda": 0.95,
        "train_batch_size": 256,
        "model": {"fcnet_hiddens": [8]},
    }
    assert experiment.config == expected
    command = "rllib train file best.yaml --seeds 5-14"
    assert command in file.read_text()
    assert f"<pre>{command}</pre>" in (tmp_path / "out" / "report.html").read_text()
    # Of another report in its place, which has no sweep.
    report([tmp_path / "results" / "0.001-3"], tmp_path / "out", FAST)
    assert not file.exists()


@pytest.mark.slow
def test_the_command_accepts_the_file(trial, tmp_path):
    sweep(trial, manifest={"stop": STOP})
    report([tmp_path / "results"], tmp_path / "out", FAST)
    file = str(tmp_path / "out" / "best.yaml")
    plan = ["train", "file", file, "--seeds", "5-14", "--dry-run"]
    done = CliRunner().invoke(app, plan)
    assert done.exit_code == 0, done.output


def test_runs_of_others_have_no_file(trial, tmp_path):
    sweep(trial)
    report([tmp_path / "results"], tmp_path / "out", FAST)
    assert not (tmp_path / "out" / "best.yaml").exists()
