"""A sweep's winner: a line, a file that trains it, and a command on seeds that the sweep had not."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.launch.summary import print_summary
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.ranking import ranking
from rllib_zoo.experiments.sweeps.winner import winner_line, write_best_settings

LR = {"lr": [[0, {"loguniform": [1e-4, 1e-2]}], [1000, 0.0]]}
CONFIG = {**LR, "model": {"fcnet_hiddens": {"grid_search": [[64], [32]]}}, "seed": 9, "gamma": 0.9}


def experiment(config=None, **more):
    config = CONFIG if config is None else config
    return Experiment("e", "PPO", "CartPole-v1", config, {"timesteps_total": 1000}, **more)


def row(n, varied, score, seed=0):
    return {
        "trial": f"t_{n}", "name": f"lr=x seed={seed}", "status": "done", "seed": seed,
        "varied": varied, "score": score, "steps": 1000, "episode_return_mean": score,
        "episode_window_size": 100, "seconds": 61.0, "env_restarts": 0, "error": None,
        "checkpoint": "/c", "checkpoint_score": None, "folder": "/f",
    }  # fmt: skip


def rows():
    keys = ("lr.0.1", "model.fcnet_hiddens")
    return [
        row(n, dict(zip(keys, (lr, hiddens), strict=True)), score, seed)
        for n, (lr, hiddens, score, seed) in enumerate(
            [(1e-3, [64], 480.0, 3), (1e-3, [64], 499.2, 4), (2e-4, [32], 20.0, 3)]
        )
    ]


def test_the_winner_in_a_line_and_as_a_file(tmp_path):
    request = experiment(seeds=(3, 4), time_budget_s=60.0)
    ranks = ranking(request, rows())
    line = winner_line(request, ranks)
    assert line == "lr=0.001 fcnet_hiddens=[64]: interquartile mean 489.6 over 2 trials"
    command = write_best_settings(request, tmp_path, rows(), ranks)
    assert command == f"rllib train file {tmp_path}/best.yaml --seeds 5-14"
    (best,) = read_experiments(tmp_path / "best.yaml")
    assert best.config == {
        "lr": [[0, 1e-3], [1000, 0.0]], "model": {"fcnet_hiddens": [64]}, "gamma": 0.9,
    }  # fmt: skip
    assert (best.name, best.algorithm, best.env) == ("best-ppo-cartpole-v1", "PPO", "CartPole-v1")
    assert (best.stop, best.time_budget_s) == ({"timesteps_total": 1000}, 60.0)
    text = (tmp_path / "best.yaml").read_text()
    assert "rllib train file best.yaml --seeds 5-14" in text
    assert "The best of 2 groups" in text


def test_a_population_writes_the_rate_it_ended_with(tmp_path):
    mutations = {"lr": {"loguniform": [1e-4, 1e-2]}}
    pbt = {"type": "pbt", "perturbation_interval": 10, "hyperparam_mutations": mutations}
    request = experiment({"lr": 0.1, "gamma": 0.9}, scheduler=pbt, metric="m", num_samples=2)
    members = [row(0, {"lr": 0.005}, 20.0), row(1, {"lr": 0.007}, 90.0)]
    ranks = ranking(request, members)
    write_best_settings(request, tmp_path, members, ranks)
    (best,) = read_experiments(tmp_path / "best.yaml")
    assert best.config == {"lr": 0.007, "gamma": 0.9}
    assert winner_line(request, ranks) == "lr=0.007: interquartile mean 90.0 of its only trial"


@pytest.mark.parametrize("scores", [[], [None, None]])
def test_no_file_without_a_score(tmp_path, scores):
    members = [row(n, {"lr": n}, score) for n, score in enumerate(scores)]
    request = experiment({"lr": {"grid_search": [0, 1]}})
    assert write_best_settings(request, tmp_path, members, ranking(request, members)) == ""
    assert not list(tmp_path.iterdir())


def test_the_end_names_winner_file_and_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    request = experiment(seeds=(3, 4))
    ranks = ranking(request, rows())
    command = write_best_settings(request, tmp_path, rows(), ranks)
    print_summary(request, rows(), tmp_path, 61.0, ranks, command)
    out = capsys.readouterr().out
    assert "lr=x seed=3" in out
    assert "t_0" not in out
    assert f"best: {winner_line(request, ranks)}" in out
    assert f"best.yaml, train them on fresh seeds: {command}" in out
    assert f"rllib report {tmp_path}" in out
    tables = [line for line in out.splitlines() if line.startswith(("│", "┃", "┏", "└"))]
    assert max(map(len, tables)) <= 80
    # Of one configuration's seeds there is a mean instead.
    seeds = [{**entry, "steps": 100 * (n + 1)} for n, entry in enumerate(rows())]
    seeds[2]["status"] = "failed"
    print_summary(experiment({}), seeds, tmp_path, 61.0, [])
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "2 of 3 trials are done: mean return 489.6 (480.0 to 499.2) after 100 to 200 steps" in out
    )
    assert f"results: {tmp_path} (failed after 1 min 01 s)" in out
    # Without a sweep there is neither.
    print_summary(experiment({}), rows()[:1], tmp_path, 61.0, [])
    out = capsys.readouterr().out
    assert "best:" not in out
    assert "rllib report" in out
