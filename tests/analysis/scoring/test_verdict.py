"""The sentence on the winner: who, by how much, how sure, and where scores name none."""

import pytest

from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.scoring.coverage import covered, covered_text, simulation
from rllib_zoo.analysis.scoring.notices import Notice, lines
from rllib_zoo.analysis.scoring.overall import MAX_COMPARED
from rllib_zoo.analysis.scoring.verdict import Verdict, estimate_text
from rllib_zoo.analysis.statistics import Estimate
from rllib_zoo.analysis.summary import summarise

NAN = float("nan")


def verdict(**groups):
    """Group → (value, low, high, runs); every group with several runs beats the next nine times in ten."""
    estimates = {name: Estimate(*numbers) for name, numbers in groups.items()}
    several = sorted(name for name, estimate in estimates.items() if estimate.runs > 1)
    pairs = {
        (a, b): Estimate(0.9, 0.6, 1.0, 3) for i, a in enumerate(several) for b in several[i + 1 :]
    }
    return Verdict.of("Pong", estimates, pairs)


def test_the_winner_and_how_sure():
    found = verdict(A2C=(10.0, 9.0, 11.0, 3), PPO=(19.2, 18.5, 20.2, 3))
    # The pair was given the other way round: A2C beats PPO with 0.9.
    assert found.sentence.startswith(
        "PPO: 19.2 [18.5, 20.2], P(better than A2C) 0.1 [0, 0.4], 3 runs: too few to trust the interval, "
        f"which contains the true value in only {covered_text(3)} of cases"
    )
    assert (found.winner, found.confidence) == ("PPO", "few runs")


@pytest.mark.parametrize(
    ("groups", "confidence", "end"),
    [
        ({"A": (2.0, 1.0, 3.0, 9)}, "no rival", "A: 2 [1, 3], 9 runs"),
        ({"A": (2.0, NAN, NAN, 1)}, "no rival", "1 run: no interval, and no comparison"),
        ({"A": (2.0, NAN, NAN, 1), "B": (1.0, NAN, NAN, 1)}, "single runs", "no comparison"),
        ({"A": (2.0, 1.0, 3.0, 9), "B": (1.0, NAN, NAN, 1)}, "single runs", "no other group has several"),
        ({"A": (2.0, 1.0, 3.0, 9), "B": (2.0, 1.0, 3.0, 9)}, "tied", "3 runs: too few to trust"),
        ({"A": (3.0, 1.0, 3.0, 3), "B": (2.0, NAN, NAN, 1), "C": (1.0, 0.0, 2.0, 3)}, "few runs", "than C)"),
    ],
)  # fmt: skip
def test_what_limits_a_comparison(groups, confidence, end):
    found = verdict(**groups)
    assert found.confidence == confidence
    assert end in found.sentence
    assert found.headline == ("No winner" if confidence == "tied" else "A")


def write(trial, env, algorithm, score, *, runs=5, stop=None):
    for seed in range(runs):
        folder = f"{env}-{algorithm}-{seed}".replace("/", "-")
        manifest = {"stop": {"env_runners/episode_return_mean": stop}} if stop else None
        config = {"env": env, "seed": seed}
        name = f"{algorithm}_x_00000"
        trial(folder, name, returns=(0.0, score - seed / 10), config=config, manifest=manifest)


def test_scores_cut_off_by_a_stop_rule_are_out_of_the_aggregate_by_name(trial, tmp_path):
    """A2C stopped at 475 on CartPole must not win over the games that PPO plays better."""
    for env, scores in (("ALE/Pong-v5", (1.0, 15.0)), ("ALE/Assault-v5", (400.0, 900.0))):
        for algorithm, score in zip(("A2C", "PPO"), scores, strict=True):
            write(trial, env, algorithm, score)
    write(trial, "CartPole-v1", "A2C", 499.0, stop=475)
    write(trial, "CartPole-v1", "PPO", 470.0, stop=475)
    summary = summarise(load([tmp_path / "results"]), resamples=200)
    everywhere, assault, pong, cartpole = summary.verdicts
    assert (everywhere.place, everywhere.winner, everywhere.confidence) == (
        "All environments",
        "PPO",
        "clear",
    )
    assert summary.overall["environments"].tolist() == [2, 2]
    assert any(w.startswith("CartPole-v1: runs stop when they reach a score") and "left out" in w
               for w in summary.warnings)  # fmt: skip
    assert (assault.winner, pong.winner) == ("PPO", "PPO")
    assert cartpole.confidence == "by speed"
    assert cartpole.sentence.endswith(
        "A2C reaches 475 soonest, after 200 steps (median; 5 of 5 runs reached it)"
    )


def test_a_stop_score_that_no_run_reached_cuts_nothing_off(trial, tmp_path):
    write(trial, "CartPole-v1", "PPO", 300.0, stop=475)
    (verdict_,) = summarise(load([tmp_path / "results"]), resamples=100).verdicts
    assert verdict_.fastest == ""


def test_of_many_groups_the_best_are_compared(trial, tmp_path):
    for number in range(MAX_COMPARED + 2):
        for seed in (0, 1):
            config = {"lr": 0.1 + number, "seed": seed}
            trial(f"{number}-{seed}", returns=(0.0, float(number)), config=config)
    pairs = summarise(load([tmp_path / "results"]), resamples=100).improvements["CartPole-v1"]
    assert len(pairs) == MAX_COMPARED * (MAX_COMPARED - 1) / 2
    assert not {"PPO lr=0.1", "PPO lr=1.1"} & {group for pair in pairs for group in pair}


def test_a_line_per_kind_of_warning():
    notices = [
        Notice("short", "a is short"),
        Notice("few", "b has 1 run"),
        Notice("short", "c is short"),
    ]
    assert lines(notices) == ["short: 2 cases, listed on the page", "b has 1 run"]


def test_coverage_is_that_of_the_simulation():
    percent = simulation()["percent"]["percentile"]
    three = [shape["3"] for shape in percent.values()]
    assert covered(3) == (round(min(three)), round(max(three)))
    assert covered(6) == covered(5)
    assert covered(1000) == covered(20)
    assert covered_text(1) == "–"
    low, high = covered(3)
    assert low < high < covered(10)[0] < 95


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(19.2, 18.5, 20.2, 5), "19.2 [18.5, 20.2]"),
        (Estimate(1.0, 1.0, 1.0, 2), "1"),
        (Estimate(500.0, 500.0, 500.0, 30), "500 [500, 500]"),
        (Estimate(19.2, float("nan"), float("nan"), 1), "19.2"),
    ],
)
def test_an_interval_is_shown_where_there_is_one(estimate, text):
    assert estimate_text(estimate) == text
