"""Results that came without the configuration get back the one their trainer sent."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest

from rllib_zoo.experiments.tune.loggers import ConfigOfResults


@pytest.fixture
def shown():
    """What a result of a trial shows behind the callback, as Tune calls it."""
    callback = ConfigOfResults()

    def show(trial, **result):
        trial = SimpleNamespace(trial_id=trial)
        callback.on_trial_result(iteration=0, trials=[trial], trial=trial, result=result)
        return result

    show.callback = callback
    return show


def test_later_results_share_the_configuration_sent_first(shown):
    sent = {"lr": 1e-3}
    assert shown("a", loss=1.0, config=sent) == {"loss": 1.0, "config": sent}
    assert shown("a", loss=2.0)["config"] is sent


def test_a_configuration_sent_anew_replaces_it(shown):
    shown("a", config={"lr": 1e-3})
    shown("a", config={"lr": 2e-3})
    assert shown("a") == {"config": {"lr": 2e-3}}


def test_every_trial_has_its_own(shown):
    shown("a", config={"lr": 1e-3})
    shown("b", config={"lr": 2e-3})
    assert [shown(trial)["config"]["lr"] for trial in "ab"] == [1e-3, 2e-3]


def test_a_trial_that_ended_and_a_snapshot_keep_nothing(shown):
    shown("a", config={"lr": 1e-3})
    shown("b", config={"lr": 1e-3})
    shown.callback.on_trial_complete(0, [], SimpleNamespace(trial_id="a"))
    assert shown("a") == {}
    again = pickle.loads(pickle.dumps(shown.callback))
    result = {}
    again.on_trial_result(0, [], SimpleNamespace(trial_id="b"), result)
    assert result == {}
