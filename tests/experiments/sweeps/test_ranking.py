"""Which configuration is called the best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.ranking import ranking, score, varied

RETURN = "env_runners/episode_return_mean"
SWEEP = Experiment(
    "x",
    "PPO",
    "CartPole-v1",
    {"lr": [[0, {"uniform": [0, 1]}], [9, 0.0]]},
    {RETURN: 475, "timesteps_total": 1000},
    num_samples=2,
    seeds=(0, 1),
    metric="episode_reward_mean",
)


def rows(*trials):
    """Rows of (lr, status, score, steps)."""
    return [
        {"trial": f"t{n}", "varied": {"lr.0.1": lr}, "status": status, "score": s, "steps": steps}
        for n, (lr, status, s, steps) in enumerate(trials)
    ]


def order(*trials, experiment=SWEEP):
    return [entry["varied"]["lr.0.1"] for entry in ranking(experiment, rows(*trials))]


def test_the_luckiest_seed_does_not_win():
    lucky = [(0.1, "done", 400, 9), (0.1, "done", 10, 9)]
    steady = [(0.2, "done", 300, 9), (0.2, "done", 300, 9)]
    assert order(*lucky, *steady) == [0.2, 0.1]


@pytest.mark.parametrize("status", ["stopped early", "failed", "interrupted"])
def test_whose_trials_did_not_all_end_comes_behind(status):
    ended = [(0.1, "done", 100, 9), (0.1, "done", 100, 9)]
    other = [(0.2, "done", 300, 9), (0.2, status, 300, 5)]
    assert order(*other, *ended) == [0.1, 0.2]


def test_a_seed_that_never_started_is_missed():
    assert order((0.2, "done", 300, 9), (0.1, "done", 1, 9), (0.1, "done", 1, 9)) == [0.1, 0.2]


def test_of_equal_scores_fewer_steps_win():
    slow = [(0.1, "done", 475, 90), (0.1, "done", 475, 90)]
    quick = [(0.2, "done", 475, 50), (0.2, "done", 475, 60)]
    assert order(*slow, *quick) == [0.2, 0.1]


def test_less_may_be_better():
    few = replace(SWEEP, mode="min")
    pairs = [(lr, "done", lr * 10, 9) for lr in (0.3, 0.3, 0.1, 0.1, 0.2, 0.2)]
    assert order(*pairs, experiment=few) == [0.1, 0.2, 0.3]
    assert ranking(few, rows(*pairs))[0]["worst"] == 1.0


def test_the_worst_quarter_may_decide():
    lucky = [(0.1, "done", s, 9) for s in (475, 475, 475, 9)]
    steady = [(0.2, "done", s, 9) for s in (300, 300, 300, 300)]
    assert order(*lucky, *steady, experiment=replace(SWEEP, seeds=(0, 1, 2, 3))) == [0.1, 0.2]
    judged = replace(SWEEP, seeds=(0, 1, 2, 3), seed_score="worst_quarter")
    assert order(*lucky, *steady, experiment=judged) == [0.2, 0.1]


def test_of_equal_worst_quarters_the_slowest_seed_decides():
    judged = replace(SWEEP, seed_score="worst_quarter")
    uneven = [(0.1, "done", 475, 10), (0.1, "done", 475, 90)]
    even = [(0.2, "done", 475, 80), (0.2, "done", 475, 80)]
    assert order(*uneven, *even) == [0.1, 0.2]
    assert order(*uneven, *even, experiment=judged) == [0.2, 0.1]


def test_nothing_disappears():
    entries = ranking(
        SWEEP, rows((0.1, "failed", None, None), (0.1, "failed", None, None), (0.2, "done", 3, 9))
    )
    assert [entry["statuses"] for entry in entries] == [{"done": 1}, {"failed": 2}]
    assert [entry["iqm"] for entry in entries] == [3.0, None]


def test_one_configuration_is_no_ranking():
    assert ranking(SWEEP, rows((0.1, "done", 1, 9), (0.1, "done", 2, 9))) == []


def test_a_score_beyond_its_stop_bound_is_the_bound():
    assert score(SWEEP, {"episode_reward_mean": 499.0}) == 475.0
    assert score(SWEEP, {"episode_reward_mean": 400.0}) == 400.0
    assert score(SWEEP, {}) is None
    assert score(SWEEP, {"episode_reward_mean": float("nan")}) is None


def test_seeds_are_no_difference():
    grid = replace(SWEEP, config={"seed": {"grid_search": [1, 2]}, "gamma": {"choice": [0.9]}})
    assert varied(grid, {"seed": 1, "gamma": 0.9}) == {"gamma": 0.9}
