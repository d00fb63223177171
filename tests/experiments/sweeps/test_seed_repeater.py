"""A search over several seeds: what it suggests and is given as scores, with Optuna."""

from __future__ import annotations

import pytest
from ray.tune.search import Searcher, SearchGenerator

from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import tune_space
from rllib_zoo.experiments.sweeps.search import make_search
from rllib_zoo.experiments.sweeps.seed_repeater import SeedRepeater, score_of_seeds

RETURN = "env_runners/episode_return_mean"
CONFIG = {
    "lr": [[0, {"loguniform": [1e-4, 1e-2]}], [1000, 0.0]],
    "gamma": 0.9,
    "model": {"fcnet_hiddens": {"choice": [[8], [16]]}, "vf_share_layers": True},
}


class Recorder(Searcher):
    """A search that suggests 0, 1, 2 … and records its calls."""

    def __init__(self):
        super().__init__(metric="m", mode="max")
        self.suggested, self.completed = [], []

    def set_search_properties(self, metric, mode, config, **spec):
        return True

    def suggest(self, trial_id):
        self.suggested.append(trial_id)
        return {}

    def on_trial_complete(self, trial_id, result=None, error=False):
        self.completed.append((trial_id, result, error))


def optuna(seeds, **changes):
    fields = {"config": CONFIG, "stop": {"timesteps_total": 9}, "metric": RETURN}
    search = make_search(
        Experiment("x", "PPO", "CartPole-v1", **fields, search="optuna", seeds=seeds, **changes)
    )
    search.set_search_properties(None, None, {"env": "CartPole-v1", **tune_space(CONFIG)})
    return search


def test_every_configuration_is_tried_with_every_seed():
    search = optuna((5, 7))
    configs = [search.suggest(f"t{i}") for i in range(4)]
    assert [config["seed"] for config in configs] == [5, 7, 5, 7]
    bare = [{key: value for key, value in config.items() if key != "seed"} for config in configs]
    assert bare[0] == bare[1] != bare[2] == bare[3]


def test_items_of_lists_are_drawn_in_place():
    config = optuna((1,)).suggest("t")
    (start, rate), end = config["lr"]
    assert (start, end) == (0, [1000, 0.0])
    assert 1e-4 <= rate <= 1e-2
    assert config["model"]["fcnet_hiddens"] in ([8], [16])
    assert "gamma" not in config


@pytest.mark.parametrize(("statistic", "score"), [(None, 15.0), ("worst_quarter", 0.0)])
def test_the_search_gets_one_score_for_all_seeds_once(statistic, score):
    inner = Recorder()
    search = SeedRepeater(inner, [0, 1, 2, 3], statistic=statistic)
    for trial in "abcd":
        search.suggest(trial)
    for trial, value in zip("abcd", [0.0, 10.0, 20.0, 1000.0], strict=True):
        assert inner.completed == []
        search.on_trial_complete(trial, {"m": value})
    assert inner.completed == [("a", {"m": score}, False)]
    search.on_trial_complete("d", {"m": 2000.0})  # a resumed trial ends a second time
    assert len(inner.completed) == 1


def test_failures_count_as_the_worst_and_luck_not_beyond_the_bound():
    inner = Recorder()
    search = SeedRepeater(inner, [0, 1], bound=100.0)
    for trial in "abcdef":
        search.suggest(trial)
    search.on_trial_complete("a", error=True)
    search.on_trial_complete("b", {})
    search.on_trial_complete("c", {"m": 40.0})
    search.on_trial_complete("d", {"m": 900.0})
    search.on_trial_complete("e", error=True)
    search.on_trial_complete("f", {"m": float("nan")})
    assert inner.completed == [
        ("a", None, True),
        ("c", {"m": 70.0}, False),
        ("e", {"m": 40.0}, False),
    ]


def test_a_killed_search_goes_on_where_it_was(tmp_path):
    def generator():
        return SearchGenerator(optuna((0, 1, 2), max_concurrent=4, num_samples=4))

    whole, parts = generator(), generator()
    for number in range(4):
        whole.searcher.suggest(f"t{number}")
        parts.searcher.suggest(f"t{number}")
    for each in (whole, parts):
        each.on_trial_complete("t0", {RETURN: 10.0})
        each.on_trial_complete("t1", {RETURN: 20.0})
    parts.save_to_dir(str(tmp_path), "session")
    resumed = generator()
    resumed.restore_from_dir(str(tmp_path))
    for each in (whole, resumed):
        each.on_trial_complete("t2", {RETURN: 30.0})
    study = resumed.searcher.searcher.searcher._ot_study
    assert [trial.value for trial in study.trials][:1] == [pytest.approx(20.0)]
    following = [[each.searcher.suggest(f"t{n}") for n in (4, 5, 6)] for each in (whole, resumed)]
    assert following[0] == following[1]
    assert [config["seed"] for config in following[1]] == [1, 2, 0]


def test_interquartile_mean_of_few():
    assert score_of_seeds([1.0, 2.0, 6.0]) == 3.0
    assert score_of_seeds([0.0, 4.0, 6.0, 90.0]) == 5.0


def test_worst_quarter_of_seeds():
    eight = [5.0, 9.0, 1.0, 7.0, 8.0, 3.0, 6.0, 4.0]
    assert score_of_seeds(eight, "worst_quarter") == 2.0
    assert score_of_seeds(eight, "worst_quarter", mode="min") == 8.5
    assert score_of_seeds([4.0, 2.0, 3.0], "worst_quarter") == 2.0


def test_the_last_metric_counts_where_the_last_result_has_none():
    recorder = Recorder()
    repeater = SeedRepeater(recorder, (1,))
    for trial, values in (("a", [1.0, 4.0, None]), ("b", [None, None])):
        repeater.suggest(trial)
        for value in values:
            repeater.on_trial_result(trial, {} if value is None else {"m": value})
        repeater.on_trial_complete(trial, {"training_iteration": 3, "m": None})
    # Without any metric it counts as the worst so far.
    assert recorder.completed == [("a", {"m": 4.0}, False), ("b", {"m": 4.0}, False)]
    repeater.suggest("c")
    repeater.on_trial_result("c", {"m": 9.0})
    repeater.on_trial_complete("c", error=True)
    assert recorder.completed[-1] == ("c", {"m": 4.0}, False)
