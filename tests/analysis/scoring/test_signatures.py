"""Scores of different environments do not stand side by side unless somebody says so."""

import pytest

from rllib_zoo.analysis.scoring.comparability import (
    DifferentEnvironmentsError,
    differences,
    require_same_environment,
)
from rllib_zoo.envs import environment_signature

PLAIN = {"repeat_action_probability": 0.0, "screen_size": 42}


def signature(**changes):
    return environment_signature("ALE/Pong-v5", {**PLAIN, **changes})


def test_the_same_environment_has_no_differences():
    assert differences({"a": signature(), "b": signature(), "c": signature(frameskip=4)}) == {}
    assert require_same_environment({"a": signature()}) == {}
    assert require_same_environment({}) == {}


def test_a_difference_is_refused_by_name():
    sticky = signature(repeat_action_probability=0.25)
    with pytest.raises(DifferentEnvironmentsError) as refused:
        require_same_environment({"first": signature(), "second": sticky})
    assert str(refused.value) == (
        "runs of different environments cannot be compared: repeat_action_probability differs "
        "(first: 0.0; second: 0.25)"
    )


def test_who_says_so_may_compare_and_is_told_what_differs():
    given = {"a": signature(), "b": signature(screen_size=84), "c": {"id": "CartPole-v1"}}
    found = require_same_environment(given, allow=True)
    assert found["screen_size"] == {"a": 42, "b": 84, "c": "absent"}
    assert found["id"]["c"] == "CartPole-v1"


def test_true_is_not_one():
    assert set(differences({"a": {"clip": True}, "b": {"clip": 1}})) == {"clip"}
