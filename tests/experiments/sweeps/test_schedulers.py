"""Searches and schedulers as data: what is refused before Ray starts, and what follows from a stop rule."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import replace

import pytest

from rllib_zoo.analysis.scoring.rungs import settings_of
from rllib_zoo.experiments.config.from_options import with_options
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.provenance.manifest import (
    jsonable,
    package_versions,
    search_packages,
)
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.sweeps.schedulers import (
    legacy_scheduler,
    make_scheduler,
    mutated_paths,
    with_mutations,
)
from rllib_zoo.experiments.sweeps.search import make_search, number_of_trials

RETURN = "env_runners/episode_return_mean"
PBT = {
    "type": "pbt",
    "perturbation_interval": 1000,
    "hyperparam_mutations": {"lr": {"loguniform": [1e-4, 1e-2]}},
}


def experiment(**changes):
    fields = {
        "config": {"lr": {"loguniform": [1e-4, 1e-2]}},
        "stop": {"timesteps_total": 160_000},
        "num_samples": 4,
        "metric": RETURN,
    }
    return Experiment("x", "PPO", "CartPole-v1", **{**fields, **changes})


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        ("ahsa", "scheduler: 'ahsa' is unknown; did you mean 'asha'?"),
        (3, "scheduler: must be a name or a mapping with a type, got 3"),
        ({"type": "asha", "max": 3}, "scheduler.max: is unknown; did you mean 'max_t'?"),
        ({"type": "asha", "grace": 3}, "scheduler.grace: is unknown; did you mean 'grace_period'?"),
        ({"type": "asha", "max_t": "3"}, "scheduler.max_t: must be a number"),
        ({"type": "asha", "max_t": 200_000}, "is never reached: trials stop at"),
        ({"type": "asha", "max_t": 10, "grace_period": 20}, "20 is above max_t 10"),
        ({"type": "asha", "time_attr": "steps_total"}, "result 'steps_total' is unknown"),
        ({"type": "fifo", "max_t": 3}, "scheduler.max_t: is unknown: fifo has no settings"),
        ("hyperband", "scheduler.max_t: is missing; or stop: {training_iteration: …}"),
        ("pbt", "scheduler.perturbation_interval: is missing"),
        ({"type": "pbt", "perturbation_interval": 9}, "hyperparam_mutations: is missing"),
        ({**PBT, "custom_explore_fn": "f"}, "scheduler.custom_explore_fn: cannot be set"),
        ({**PBT, "perturbation_factors": [1.2, "x"]}, "must be a list of numbers above 0"),
        ({**PBT, "resample_probability": 2}, "of at least 0 and at most 1, got 2"),
        (
            {**PBT, "hyperparam_mutations": {"lr": 0.1}},
            "hyperparam_mutations.lr: must be a sampler, got",
        ),
        (
            {**PBT, "hyperparam_mutations": ["lr"]},
            "hyperparam_mutations: must map keys to samplers",
        ),
        (
            {**PBT, "hyperparam_mutations": {"model": {"x": []}}},
            "model.x.choice: must list alternatives",
        ),
        ("hb_bohb", "hb_bohb is not supported; it needs"),
    ],
)
def test_a_wrong_scheduler_is_one_line(scheduler, message):
    with pytest.raises(RequestError) as caught:
        make_scheduler(experiment(scheduler=scheduler))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pbts_lists_are_choices():
    lists = {"lr": [1e-3, 1e-4], "model": {"fcnet_activation": ["relu", "tanh"]}}
    choices = {
        "lr": {"choice": [1e-3, 1e-4]},
        "model": {"fcnet_activation": {"choice": ["relu", "tanh"]}},
    }
    changed = experiment(scheduler={**PBT, "hyperparam_mutations": lists})
    assert with_mutations(changed) == choices
    assert set(mutated_paths(changed)) == {("lr",), ("model", "fcnet_activation")}
    pbt = make_scheduler(changed).inner
    assert pbt._hyperparam_mutations == lists
    same = pbt._custom_explore_fn({"lr": 1e-4, "model": {"fcnet_activation": "relu"}, "gamma": 1})
    assert same == {"lr": 1e-4, "model": {"fcnet_activation": "relu"}, "gamma": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"scheduler": "asha", "metric": None},
            "scheduler: requires a metric to compare trials by",
        ),
        (
            {"scheduler": PBT, "seeds": (1, 2)},
            "seeds: conflicts with scheduler pbt, which copies weights",
        ),
        (
            {"scheduler": PBT, "num_samples": 1},
            "num_samples: must be at least 2, the size of the population",
        ),
        ({"scheduler": PBT, "num_to_keep": 2}, "2 may delete a checkpoint"),
        (
            {"scheduler": PBT, "search": "optuna"},
            "pbt samples values itself and conflicts with search 'optuna'",
        ),
        (
            {"scheduler": "asha", "search": "optuna", "seeds": (1, 2)},
            "optuna scores a configuration by all its seeds, but asha stops single trials",
        ),
    ],
)
def test_what_does_not_go_together(changes, message):
    with pytest.raises(RequestError) as caught:
        make_scheduler(experiment(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": "optune"}, "search: 'optune' is unknown; did you mean 'optuna'?"),
        ({"search": {"type": "random", "sed": 1}}, "search.sed: is unknown; random supports: seed"),
        ({"search": {"type": "random", "seed": "1"}}, "search.seed: must be a whole number"),
        ({"search": {"type": "random", "seed": -1}}, "search.seed: must be a whole number from 0"),
        ({"search": {"type": "optuna", "seed": -1}}, "search.seed: must be a whole number from 0"),
        ({"search": {"type": "optuna", "seed": "abc"}}, "search.seed: must be a whole number"),
        (
            {"search": {"type": "optuna", "n_startup_trials": 2.5}},
            "search.n_startup_trials: must be an integer of at least 0, got 2.5",
        ),
        (
            {"search": {"type": "optuna", "multivariate": 3}},
            "search.multivariate: must be true or false, or null, got 3",
        ),
        (
            {"search": {"type": "optuna", "prior_weight": "1.0"}},
            "search.prior_weight: must be a number of at least 0, or null, got '1.0'",
        ),
        ({"search": {"type": "optuna", "n_startup": 1}}, "did you mean 'n_startup_trials'?"),
        ({"search": "optuna", "metric": None}, "search: requires a metric"),
        ({"search": "optuna", "config": {}}, "search: no value in the configuration is sampled"),
        (
            {
                "search": "optuna",
                "config": {"lr": {"uniform": [0.1, 0.2]}, "gamma": {"grid_search": [0.9]}},
            },
            "config.gamma.grid_search: not supported by optuna; write choice",
        ),
    ],
)
def test_a_wrong_search_is_one_line(changes, message):
    with pytest.raises(RequestError) as caught:
        make_search(experiment(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(("package", "what"), [("optuna", "search"), ("sklearn", "scheduler")])
def test_a_missing_package_is_one_line(monkeypatch, package, what):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else 1)
    make = {"search": make_search, "scheduler": make_scheduler}[what]
    name = {"search": "optuna", "scheduler": "pb2"}[what]
    with pytest.raises(RequestError, match=rf"{what}: .* pip install 'rllib-zoo\[search\]'"):
        make(experiment(**{what: name}))


def test_asha_takes_its_times_from_the_stop_rule():
    asha = make_scheduler(experiment(scheduler="asha")).inner
    (bracket,) = asha._brackets
    assert (asha._time_attr, asha._max_t) == ("timesteps_total", 160_000)
    assert [milestone for milestone, _ in bracket._rungs] == [160_000, 40_000, 10_000]


def test_the_manifest_has_every_setting_of_asha_for_its_rungs():
    made = make_scheduler(experiment(scheduler={"type": "ASHA", "brackets": 2}))
    recorded = json.loads(json.dumps(jsonable(made.settings)))
    assert recorded == {
        "type": "asha", "time_attr": "timesteps_total", "max_t": 160_000, "grace_period": 10_000,
        "reduction_factor": 4, "brackets": 2, "stop_last_trials": True,
    }  # fmt: skip
    rungs = settings_of({"scheduler": recorded, "request": {"metric": RETURN}})
    assert rungs.times_K.tolist() == [10_000, 40_000, 160_000]


@pytest.mark.parametrize(
    "scheduler",
    [
        {"type": "hyperband", "max_t": 27},
        "median_stopping",
        PBT,
        {"type": "pb2", "perturbation_interval": 10, "hyperparam_bounds": {"lr": [1e-4, 1e-2]}},
        {"type": "asha", "reduction_factor": 3, "stop_last_trials": False},
    ],
)
def test_every_scheduler_can_be_made(scheduler):
    name = scheduler if isinstance(scheduler, str) else scheduler["type"]
    made = make_scheduler(experiment(scheduler=scheduler))
    assert made.metric == RETURN
    assert (
        type(made.inner)
        .__name__.lower()
        .startswith({"pbt": "stepping", "asha": "async"}.get(name, name[:3]))
    )


def test_what_a_population_changes_is_checked_as_configuration():
    mutated = with_mutations(experiment(scheduler=PBT, config={"gamma": 0.9}))
    assert mutated == {"gamma": 0.9, "lr": {"loguniform": [1e-4, 1e-2]}}


def test_the_retired_options_keep_tunes_names_and_defaults():
    settings = '{"metric": "episode_reward_mean", "mode": "max", "max_t": 50}'
    options = FileOptions(scheduler="AsyncHyperBand", scheduler_config=settings)
    changed = with_options(replace(experiment(), metric=None), options)
    asha = make_scheduler(changed).inner
    assert (asha._metric, asha._time_attr, asha._max_t) == (
        "episode_reward_mean",
        "training_iteration",
        50,
    )
    assert asha._brackets[0]._rungs[-1][0] == 1
    assert legacy_scheduler("pbt", {})["perturbation_interval"] == 60.0


def test_trials_are_samples_times_grids_times_seeds():
    grids = {"gamma": {"grid_search": [0.9, 0.99]}, "model": {"dim": {"grid_search": [42, 84]}}}
    assert number_of_trials(experiment(config=grids, seeds=(1, 2, 3))) == 4 * 2 * 2 * 3


def test_the_manifest_names_what_chose_the_configurations():
    optuna = experiment(search={"type": "optuna", "seed": 1})
    assert search_packages(optuna) == ["optuna"]
    assert search_packages(experiment(scheduler={"type": "pb2"})) == ["scikit-learn"]
    assert search_packages(experiment(scheduler="asha")) == []
    installed = importlib.metadata.version("optuna")
    assert package_versions(search_packages(optuna))["optuna"] == installed
