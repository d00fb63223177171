"""Option values: --set, JSON-like mappings, seed lists."""

from __future__ import annotations

import copy

import pytest

from rllib_zoo.experiments.config.overrides import apply_overrides, parse_mapping, parse_seeds
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment

BASE = Experiment(
    name="x",
    algorithm="PPO",
    env="CartPole-v1",
    config={"lr": 1e-3, "model": {"fcnet_hiddens": [64], "vf_share_layers": True}},
    stop={"timesteps_total": 100},
    checkpoint_frequency=3,
)


def config_after(*assignments):
    return apply_overrides(BASE, list(assignments)).config


def test_a_key_of_the_config():
    assert config_after("lr=5e-4") == {**BASE.config, "lr": 5e-4}
    assert config_after("config.gamma=0.9") == {**BASE.config, "gamma": 0.9}


def test_a_nested_key_leaves_its_neighbours():
    changed = config_after("model.fcnet_hiddens=[8, 8]")
    assert changed["model"] == {"fcnet_hiddens": [8, 8], "vf_share_layers": True}


def test_missing_levels_are_made():
    assert config_after("env_config.a.b=1")["env_config"] == {"a": {"b": 1}}


def test_stop():
    assert apply_overrides(BASE, ["stop.timesteps_total=7"]).stop == {"timesteps_total": 7}
    both = apply_overrides(BASE, ["stop.env_runners/episode_return_mean=475"]).stop
    assert both == {"timesteps_total": 100, "env_runners/episode_return_mean": 475}


@pytest.mark.parametrize(
    ("assignment", "field", "value"),
    [
        ("checkpoint_frequency=5", "checkpoint_frequency", 5),
        ("checkpoint_at_end=false", "checkpoint_at_end", False),
        ("num_to_keep=null", "num_to_keep", None),
        ("num_samples=4", "num_samples", 4),
        ("env=Acrobot-v1", "env", "Acrobot-v1"),
        ("storage_path=/results", "storage_path", "/results"),
    ],
)
def test_fields_of_the_experiment(assignment, field, value):
    changed = apply_overrides(BASE, [assignment])
    assert getattr(changed, field) == value
    assert changed.config == BASE.config


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("100_000", 100_000),
        ("true", True),
        ("null", None),
        ("", None),
        ("'5'", "5"),
        ("a=b", "a=b"),
        ("[[0, 1e-3], [10, 0]]", [[0, 1e-3], [10, 0]]),
        ("{grid_search: [1, 2]}", {"grid_search": [1, 2]}),
    ],
)
def test_values_follow_the_rules_of_files(text, value):
    got = config_after(f"key={text}")["key"]
    assert got == value
    assert type(got) is type(value)


def test_later_assignments_win():
    assert config_after("lr=1", "lr=2")["lr"] == 2


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("lr", "--set: 'lr' is not KEY.SUB=VALUE"),
        ("=5", "--set: '=5' is not KEY.SUB=VALUE"),
        ("model.=5", "--set: 'model.=5' is not KEY.SUB=VALUE"),
        ("a..b=5", "--set: 'a..b=5' is not KEY.SUB=VALUE"),
        ("lr.value=5", "--set lr.value: assigns to a key of a value that is not a mapping"),
        (
            "model.fcnet_hiddens.0=5",
            "--set model.fcnet_hiddens.0: assigns to a key of a value that is not a mapping",
        ),
        ("lr=[1", "--set lr: expected ',' or ']', but got '<stream end>'"),
        ("lr=!!set {a}", "--set lr: tag 'tag:yaml.org,2002:set' is not allowed"),
        ("stop=5", "--set stop: must be a mapping, got 5"),
        ("config=5", "--set config: must be a mapping, got 5"),
    ],
)
def test_malformed_assignments(assignment, message):
    with pytest.raises(RequestError) as caught:
        apply_overrides(BASE, [assignment])
    assert str(caught.value) == message


def test_whole_mappings_can_be_replaced():
    assert apply_overrides(BASE, ["stop={training_iteration: 2}"]).stop == {"training_iteration": 2}
    assert apply_overrides(BASE, ["config={lr: 1}"]).config == {"lr": 1}


def test_the_input_is_unchanged():
    before = copy.deepcopy(BASE)
    apply_overrides(BASE, ["model.dim=84", "lr=1", "stop.time_total_s=1", "num_samples=2"])
    assert before == BASE


@pytest.mark.parametrize(
    "text",
    [
        '{"timesteps_total": 50000}',
        "{'timesteps_total': 50000}",
        "{timesteps_total: 50_000}",
        "timesteps_total: 50000",
    ],
)
def test_mappings_in_any_notation(text):
    assert parse_mapping(text, what="--stop") == {"timesteps_total": 50_000}


def test_nested_mapping_with_json_words():
    text = '{"a": {"b": [1, 2.5, true, null, "s"]}}'
    assert parse_mapping(text, what="-c") == {"a": {"b": [1, 2.5, True, None, "s"]}}


def test_nothing_is_an_empty_mapping():
    assert parse_mapping("", what="-c") == parse_mapping("{}", what="-c") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "--stop: '[1]' is not a mapping such as '{\"a\": 1}'"),
        ("50000", "--stop: '50000' is not a mapping such as '{\"a\": 1}'"),
        ("{1: 2}", "--stop: '{1: 2}' is not a mapping such as '{\"a\": 1}'"),
        (
            "{'a': 1",
            "--stop: \"{'a': 1\" cannot be read: expected ',' or '}', but got '<stream end>'",
        ),
        ("{a: 1, a: 2}", "--stop: '{a: 1, a: 2}' cannot be read: key 'a' occurs twice"),
    ],
)
def test_what_is_no_mapping(text, message):
    with pytest.raises(RequestError) as caught:
        parse_mapping(text, what="--stop")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-9", list(range(10))),
        ("3,7", [3, 7]),
        ("7, 3", [7, 3]),
        ("0-2,9", [0, 1, 2, 9]),
        ("5", [5]),
        ("4-4", [4]),
    ],
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--seeds: '' is not a list such as 0-9 or 3,7"),
        ("a", "--seeds: 'a' is not a list such as 0-9 or 3,7"),
        ("1,", "--seeds: '1,' is not a list such as 0-9 or 3,7"),
        ("-1", "--seeds: '-1' is not a list such as 0-9 or 3,7"),
        ("1.5", "--seeds: '1.5' is not a list such as 0-9 or 3,7"),
        ("1-2-3", "--seeds: '1-2-3' is not a list such as 0-9 or 3,7"),
        ("9-0", "--seeds: '9-0' is a decreasing range"),
        ("0-4,3", "--seeds: '0-4,3' has a seed twice"),
        ("0-1000000000", "--seeds: '0-1000000000' has more than 1,000 seeds"),
    ],
)
def test_wrong_seeds(text, message):
    with pytest.raises(RequestError) as caught:
        parse_seeds(text)
    assert str(caught.value) == message
