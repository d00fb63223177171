"""Samplers as data: what is read, what is refused, and that Tune draws from the right range."""

import math

import pytest
from ray.tune.search.variant_generator import generate_variants

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.search_space import alternatives, is_drawn, tune_space


def drawn(space, number=200):
    """Values Tune draws of ``{"x": space}``."""
    values = []
    for _ in range(number):
        values += [config["x"] for _, config in generate_variants({"x": tune_space(space)})]
    return values


@pytest.mark.parametrize(
    ("space", "low", "high"),
    [
        ({"uniform": [0.9, 1.0]}, 0.9, 1.0),
        ({"loguniform": [1e-5, 1e-3]}, 1e-5, 1e-3),
        ({"quniform": [0.1, 0.5, 0.1]}, 0.1, 0.5),
        ({"randint": [1, 9]}, 1, 8),
    ],
)
def test_draws_stay_within_what_is_checked(space, low, high):
    values = drawn(space)
    assert alternatives(space, "x") == [low, high]
    assert low <= min(values) < max(values) <= high + 1e-9
    assert len(set(values)) > 3


def test_loguniform_draws_as_many_below_as_above_the_geometric_middle():
    values = drawn({"loguniform": [1e-5, 1e-3]}, 400)
    below = sum(value < 1e-4 for value in values)
    # Half of 400, six standard deviations wide.
    assert abs(below - 200) < 6 * math.sqrt(400) / 2


def test_quniform_draws_multiples():
    assert all(math.isclose(v / 0.1, round(v / 0.1)) for v in drawn({"quniform": [0.1, 0.5, 0.1]}))


def test_choice_and_grid():
    assert {str(value) for value in drawn({"choice": ["a", [1, 2]]}, 50)} == {"a", "[1, 2]"}
    assert sorted(drawn({"grid_search": [3, 1, 2]}, 1)) == [1, 2, 3]


def test_nested_samplers_are_found():
    config = {"lr": 0.1, "model": {"fcnet_hiddens": {"choice": [[32], [64]]}}}
    assert is_drawn(config)
    assert not is_drawn({"lr": {"grid_search": [1, 2]}, "model": {"dim": 42}})
    (variant,) = [c for _, c in generate_variants(tune_space(config))]
    assert variant["model"]["fcnet_hiddens"] in ([32], [64])


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"loguniform": [0, 1]}, r"x\.loguniform: must be \[low, high\], numbers above 0"),
        ({"uniform": [1, 0]}, "low 1 must be below high 0"),
        ({"uniform": 3}, r"for example \{uniform: \[0.9, 1.0\]\}"),
        ({"randint": [0.5, 2]}, r"must be \[low, high\], integers"),
        ({"quniform": [0, 1, 0]}, "step 0 must be above 0"),
        (
            {"quniform": [0.001, 0.01, 0.003]},
            "low 0.001 must be a multiple of step 0.003",
        ),
        ({"quniform": [0.3, 1.0, 0.3]}, "high 1.0 must be a multiple of step 0.3"),
        ({"choice": []}, "must list alternatives"),
        ({"grid_search": 5}, "must list alternatives"),
        ({"sample_from": "lambda spec: 1"}, "depend on other values"),
        ({"randn": [0, 1]}, "bounds that can be checked"),
    ],
)
def test_what_is_refused(space, said):
    with pytest.raises(RequestError, match=said):
        alternatives(space, "x")


@pytest.mark.parametrize("value", [1, "x", [1, 2], {"a": 1}, {"uniform": [0, 1], "b": 2}, {}])
def test_plain_values_stay(value):
    assert alternatives(value, "x") == [value]
    assert tune_space(value) == value
