"""Aggregates over environments: of normalised scores, resampled within each environment."""

import pytest

from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.summary import summarise


def finals(trial, algorithm, env, *scores):
    for seed, score in enumerate(scores):
        name = f"{algorithm}_x_00000"
        trial(f"{env}-{algorithm}-{seed}".replace("/", ""), name, returns=(score,),
              config={"env": env, "seed": seed})  # fmt: skip


def test_the_mean_over_two_environments(trial, tmp_path):
    pong, assault = REFERENCE_SCORES["ALE/Pong-v5"], REFERENCE_SCORES["ALE/Assault-v5"]
    for name, share in (("PPO", 0.5), ("A2C", 0.25)):
        for env, scale in (("ALE/Pong-v5", pong), ("ALE/Assault-v5", assault)):
            height = scale.random + share * (scale.target - scale.random)
            finals(trial, name, env, height, height)
    summary = summarise(load([tmp_path / "results"]), resamples=100)
    rows = {row["group"]: row for row in summary.overall.to_dict("records")}
    assert (rows["PPO"]["environments"], rows["PPO"]["runs"]) == (2, 4)
    assert rows["PPO"]["iqm"] == pytest.approx(0.5)
    assert rows["A2C"]["gap"] == pytest.approx(0.75)
    assert summary.overall_iqms["A2C"].value == pytest.approx(0.25)


def test_a_group_that_was_not_run_everywhere_is_said(trial, tmp_path):
    finals(trial, "PPO", "ALE/Pong-v5", 1.0)
    finals(trial, "PPO", "CartPole-v1", 100.0)
    finals(trial, "A2C", "CartPole-v1", 100.0)
    summary = summarise(load([tmp_path / "results"]), resamples=100)
    assert list(summary.overall["group"]) == ["PPO"]
    assert any("A2C was not run on ALE/Pong-v5" in warning for warning in summary.warnings)


def test_one_environment_has_no_aggregate(trial, tmp_path):
    finals(trial, "PPO", "CartPole-v1", 100.0)
    assert summarise(load([tmp_path / "results"]), resamples=100).overall.empty
