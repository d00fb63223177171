"""Population based training: values within bounds, and a copied checkpoint that obeys the new ones."""

from __future__ import annotations

import itertools
import random
from types import SimpleNamespace

import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.sweeps.mutations import (
    ClipToBounds,
    as_samplers,
    mutated_config,
    tune_mutations,
)
from rllib_zoo.experiments.sweeps.population import SteppingPBT, stepped

CONFIG = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 64,
    "seed": 1,
    "model": {"fcnet_hiddens": [8]},
}
MUTATIONS = {
    "lr": {"loguniform": [1e-4, 1e-2]},
    "train_batch_size": {"randint": [64, 129]},
    "grad_clip": {"quniform": [0.1, 0.5, 0.1]},
    "model": {"custom_model_config": {"activation": {"choice": ["elu", "tanh"]}}},
}


def test_a_perturbation_never_leaves_the_bounds():
    from ray.tune.schedulers.pbt import _explore

    random.seed(0)
    config = {
        "lr": 9e-3,
        "train_batch_size": 128,
        "grad_clip": 0.5,
        "model": {"custom_model_config": {"activation": "elu"}},
    }
    seen = []
    for _ in range(100):
        config, _ = _explore(
            config, tune_mutations(MUTATIONS), 0.0, (1.2, 0.8), ClipToBounds(MUTATIONS)
        )
        seen.append(config)
    assert all(1e-4 <= c["lr"] <= 1e-2 for c in seen)
    assert all(isinstance(c["train_batch_size"], int) for c in seen)
    assert {64 <= c["train_batch_size"] <= 128 for c in seen} == {True}
    assert {round(c["grad_clip"], 6) for c in seen} <= {0.1, 0.2, 0.3, 0.4, 0.5}
    assert {c["model"]["custom_model_config"]["activation"] for c in seen} == {"elu", "tanh"}
    # The bounds were needed: factors alone lead out.
    assert max(c["lr"] for c in seen) == 1e-2


@pytest.mark.parametrize(
    ("sampler", "start", "step"),
    [
        ({"randint": [1, 4]}, 1, 1),
        ({"randint": [1, 4]}, 2, 1),
        ({"quniform": [0.1, 0.5, 0.1]}, 0.1, 0.1),
    ],
)
def test_a_stepped_value_never_stands_still(sampler, start, step):
    """Tune's own 1 and 2 do: round(2 * 1.2) and round(2 * 0.8) are 2."""
    mutations = {"model": {"value": sampler}}
    pbt = SteppingPBT(
        metric="a",
        mode="max",
        resample_probability=0.0,
        hyperparam_mutations=tune_mutations(mutations),
        custom_explore_fn=ClipToBounds(mutations),
    )
    random.seed(0)
    values = [start]
    for _ in range(60):
        trial = SimpleNamespace(config={"model": {"value": values[-1]}})
        values.append(pbt._get_new_config(trial, trial)[0]["model"]["value"])
    moves = [abs(b - a) for a, b in itertools.pairwise(values)]
    assert min(moves) == pytest.approx(step)
    low, high = (0.1, 0.5) if step < 1 else (1, 3)
    assert (min(values), max(values)) == (pytest.approx(low), pytest.approx(high))
    assert {type(value) for value in values} == {type(start)}


def test_a_range_of_one_value_has_nowhere_to_move():
    mutations = {"n": {"randint": [3, 4]}}
    assert stepped(mutations, {"n": 3}, {"n": 3}, {"n": "* 1.2"}) == {"n": 3}
    # What Tune samples again may be the same.
    assert stepped({"n": {"randint": [1, 9]}}, {"n": 3}, {"n": 3}, {"n": "resample"}) == {"n": 3}


def test_mutations_go_into_the_configuration_that_is_checked():
    mutated = mutated_config({"gamma": 0.9, "model": {"dim": 42}}, MUTATIONS, "x")
    assert mutated["gamma"] == 0.9
    assert mutated["lr"] == MUTATIONS["lr"]
    assert mutated["model"] == {"dim": 42, **MUTATIONS["model"]}


@pytest.mark.parametrize(
    ("mutations", "message"),
    [
        ({"lr": [0.1, 0.2]}, r"x\.lr: must be a sampler, got \[0.1, 0.2\]"),
        ({"lr": {"grid_search": [1]}}, "must be a sampler"),
        ({"lr": {"uniform": [2, 1]}}, "low 2 must be below high 1"),
        ([], "must map keys to samplers"),
    ],
)
def test_what_cannot_be_mutated(mutations, message):
    with pytest.raises(RequestError, match=message):
        mutated_config({}, mutations, "x")


def test_bounds_of_pb2_are_numbers():
    assert as_samplers({"a": {"lr": [1, 2]}}, "x") == {"a": {"lr": {"uniform": [1.0, 2.0]}}}
    with pytest.raises(RequestError, match=r"x\.lr: must be \[low, high\]"):
        as_samplers({"lr": [2, 1]}, "x")


@pytest.mark.ray
@pytest.mark.parametrize("name", ["A2C", "PPO"])
def test_a_copied_checkpoint_learns_at_the_new_rate(name, ray_session, tmp_path):
    from rllib_zoo.algorithms import config_class

    def built(lr):
        config = config_class(name)().environment("CartPole-v1")
        config.update_from_dict({**CONFIG, "lr": lr, "min_sample_timesteps_per_iteration": 0})
        if name == "PPO":
            config.update_from_dict({"minibatch_size": 64, "num_epochs": 1})
        return config.build_algo()

    donor = built(1e-3)
    donor.train()
    saved = donor.save_to_path(str(tmp_path / "donor"))
    steps = donor.train()["timesteps_total"]
    donor.stop()
    copy = built(3e-3)
    copy.restore_from_path(saved)
    result = copy.train()
    copy.stop()
    assert result["timesteps_total"] == steps
    assert result["learners"]["default_policy"]["curr_lr"] == pytest.approx(3e-3)
