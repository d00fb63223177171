"""Which checkpoint is called the best, and by what."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from rllib_zoo.experiments.launch import summary
from rllib_zoo.experiments.launch.summary import _print_next_step, _row
from rllib_zoo.experiments.spec.experiment import Experiment

RETURN = "env_runners/episode_return_mean"
EVALUATED = f"evaluation/{RETURN}"
PLAIN = Experiment("x", "PPO", "CartPole-v1", {}, {"training_iteration": 9})


def trial(name, scores, last=None):
    """A trial with a checkpoint per score (None: not evaluated) and the last one's metrics."""
    entries = [
        SimpleNamespace(
            checkpoint=SimpleNamespace(path=f"/{name}/checkpoint_{number}"),
            metrics={"evaluation": {"env_runners": {"episode_return_mean": score}}},
        )
        for number, score in enumerate(scores)
    ]
    manager = SimpleNamespace(best_checkpoint_results=entries, latest_checkpoint_result=entries[-1])
    return SimpleNamespace(
        trial_id=name,
        path=f"/{name}",
        status="TERMINATED",
        config={"seed": 0},
        checkpoint=entries[-1].checkpoint,
        run_metadata=SimpleNamespace(checkpoint_manager=manager),
        last_result={"training_iteration": 9},
        metric_analysis={} if last is None else {RETURN: {"last": last}, EVALUATED: {"last": last}},
    )


def best_of(experiment, *trials):
    """The path printed as the best checkpoint."""
    rows = [_row(experiment, each, "done") for each in trials]
    console = Console(file=io.StringIO(), width=200)
    _print_next_step(console, experiment, rows, [], ())
    printed = console.file.getvalue()
    return printed.split("best checkpoint: ")[1].split()[0]


@pytest.mark.parametrize(
    ("order", "expected"), [("max", "/a/checkpoint_1"), ("min", "/b/checkpoint_0")]
)
def test_the_best_checkpoint_is_ranked_by_its_attribute(order, expected):
    ranked = replace(PLAIN, score_attribute=EVALUATED, score_order=order)
    # Neither the newest nor the one of the trial with the highest last return.
    trials = trial("a", [-5.0, 0.0, None], last=-9.0), trial("b", [-8.0, -1.0, -2.0], last=5.0)
    assert best_of(ranked, *trials) == expected


def test_a_best_return_of_zero_counts():
    assert best_of(PLAIN, trial("a", [1], last=0.0), trial("b", [1], last=-3.0)).startswith("/a/")
    assert best_of(PLAIN, trial("a", [1], last=-3.0), trial("b", [1], last=0.0)).startswith("/b/")
    unevaluated = trial("b", [1])
    assert best_of(PLAIN, trial("a", [1], last=-3.0), unevaluated).startswith("/a/")


def test_the_metric_and_its_mode_choose_the_trial():
    smallest = replace(PLAIN, metric=EVALUATED, mode="min")
    assert best_of(smallest, trial("a", [1], last=4.0), trial("b", [1], last=2.0)).startswith("/b/")
    row = _row(smallest, trial("a", [1], last=4.0), "done")
    # The last result has no evaluation: the score is that of the last one that has.
    assert row["score"] == 4.0
    assert summary.best_checkpoint(smallest, trial("a", [3.0, 1.0])) == ("/a/checkpoint_1", None)
