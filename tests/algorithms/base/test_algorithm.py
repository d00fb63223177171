"""A2C, A3C and PPO through RLlib's own doors: building, results, counters, Tune, evaluation."""

import numpy as np
import pytest
import yaml
from ray import tune

from rllib_zoo.algorithms import algorithm_class, config_class, descriptor, names
from rllib_zoo.algorithms.base.result_names import (
    EPISODE_RESULTS,
    LEGACY_NAMES,
    NUM_EPISODES_CUT,
    TUNE_RESULTS,
    result_names,
)

pytestmark = pytest.mark.ray

ON_POLICY = [name for name in names() if descriptor(name).on_policy]
every_algorithm = pytest.mark.parametrize("name", ON_POLICY)
# A3C starts an env runner in a process of its own: twice per run of the default tests is enough.
mostly_local = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "A3C")) for n in ON_POLICY]
)
SMALL = {
    "A2C": {"num_env_runners": 0, "min_sample_timesteps_per_iteration": 400},
    "A3C": {"num_env_runners": 1, "min_sample_timesteps_per_iteration": 400},
    "PG": {"num_env_runners": 0, "min_sample_timesteps_per_iteration": 400},
    "PPO": {
        "num_env_runners": 0,
        "num_envs_per_env_runner": 8,
        "train_batch_size": 400,
        "minibatch_size": 100,
        "num_epochs": 2,
    },
}
EVALUATION = {
    "evaluation_interval": 2,
    "evaluation_duration": 7,
    "evaluation_config": {"explore": False},
}


def at(result, path):
    for part in path.split("/"):
        result = result[part]
    return result


@pytest.mark.parametrize("name", ["A2C", pytest.param("A3C", marks=pytest.mark.slow), "PPO"])
def test_builder_and_dictionary_lead_to_the_same_trained_algorithm(make_algo, name):
    settings = dict(SMALL[name])
    built = config_class(name)().environment("CartPole-v1").debugging(seed=3)
    built.training(model={"fcnet_hiddens": [8]}, lr=0.002)
    plain = {"env": "CartPole-v1", "seed": 3, "model": {"fcnet_hiddens": [8]}, "lr": 0.002}
    read = config_class(name)().update_from_dict(yaml.safe_load(yaml.safe_dump(plain)))
    for config in (built, read):
        config.update_from_dict(settings)
        algo = make_algo(config)
        assert type(algo) is algorithm_class(name)
        assert algo.config.lr == 0.002
        shapes = {tuple(p.shape) for p in algo.env_runner.module.parameters()}
        assert (8, 4) in shapes  # the model dict arrived
        first, second = algo.train(), algo.train()
        steps = "num_env_steps_sampled_lifetime"
        assert first["env_runners"][steps] < second["env_runners"][steps]


@every_algorithm
def test_every_promised_result_is_there(make_algo, make_config, name):
    """All names of ``result_names`` where evaluation has run; before and after, no evaluation's."""
    measured = {"num_envs_per_env_runner": 2, "gradient_variance_every": 1}
    algo = make_algo(make_config(name, **measured | SMALL[name], **EVALUATION))
    first, second, third = algo.train(), algo.train(), algo.train()
    assert ["evaluation" in result for result in (first, second, third)] == [False, True, False]
    missing = set()
    for path in result_names(name):
        assert np.isfinite(at(second, path)), path
        try:
            at(first, path)
        except KeyError:
            missing.add(path)
    of_evaluation = (*EPISODE_RESULTS, NUM_EPISODES_CUT)
    assert missing == {f"evaluation/env_runners/{key}" for key in of_evaluation}
    for result in (first, second):
        for retired, path in LEGACY_NAMES.items():
            assert result[retired] == at(result, path), retired


def test_only_ppos_own_results_depend_on_its_options(make_algo, make_config):
    options = {**SMALL["PPO"], "use_kl_loss": False, "clip_param": None}
    result = make_algo(make_config("PPO", **options)).train()
    learner = result["learners"]["default_policy"]
    assert "gradient_variance" not in learner
    assert "clip_fraction" not in learner
    assert "curr_kl_coeff" not in learner
    assert learner["mean_kl_loss"] > 0


@mostly_local
def test_counters_count_the_steps_the_policy_took(make_algo, make_config, name):
    # One-step episodes: real steps are as many as episodes, and every other row is a reset.
    settings = {**SMALL[name], "metrics_num_episodes_for_smoothing": 50}
    algo = make_algo(make_config(name, "envs.probes.ConstantReward", **settings))
    totals = {"steps": 0, "episodes": 0}
    for _ in range(2):
        result = algo.train()
        runners = result["env_runners"]
        totals["steps"] += runners["num_env_steps_sampled"]
        totals["episodes"] += runners["num_episodes"]
        assert runners["num_env_steps_sampled"] == runners["num_episodes"]
        assert runners["num_env_steps_sampled_lifetime"] == totals["steps"]
        assert runners["num_episodes_lifetime"] == totals["episodes"]
        assert runners["num_frames_sampled_lifetime"] == totals["steps"]
        assert result["timesteps_total"] == totals["steps"]
        assert result["episodes_total"] == totals["episodes"]
        assert result["episodes_this_iter"] == runners["num_episodes"]
        assert runners["episode_window_size"] == 50
        assert runners["episode_return_mean"] == runners["episode_len_mean"] == 1.0
    batch = {"PPO": 400, "A2C": 40, "A3C": 20, "PG": 200}[name]
    wanted = 400 if name != "PPO" else 1
    # A batch is half resets, so an iteration ends within one (A3C: one per runner) of its goal.
    assert 2 * wanted <= totals["steps"] <= 2 * (wanted + batch)


def test_two_remote_runners_fill_one_batch(make_algo, make_config):
    sizes = {"num_env_runners": 2, "num_envs_per_env_runner": 4, "train_batch_size": 80}
    # Pendulum: no episode ends before step 200, so every step counts.
    algo = make_algo(make_config("A2C", "Pendulum-v1", **sizes))
    for iteration in (1, 2):
        result = algo.train()["env_runners"]
        assert result["num_env_steps_sampled"] == 80
        assert result["num_env_steps_sampled_lifetime"] == 80 * iteration
    weights = algo.learner_group.get_weights()["default_policy"]
    group = algo.env_runner_group
    theirs = group.foreach_env_runner(lambda r: r.module.get_state(), local_env_runner=False)
    assert len(theirs) == 2
    for state in theirs:
        assert all(np.array_equal(state[key], weights[key]) for key in weights)


class Seeing(config_class("PPO")().get_default_learner_class()):
    """Keeps the observations of its last minibatch."""

    def objective(self, dist_inputs, values, batch):
        self.seen = batch.obs.clone()
        return super().objective(dist_inputs, values, batch)


def test_several_fragments_of_one_runner_make_one_batch(make_algo, make_config):
    sizes = {"rollout_fragment_length": 5, "train_batch_size": 40, "minibatch_size": None}
    options = {"env_config": {"k": 100}, "num_envs_per_env_runner": 2, **sizes}
    config = make_config("PPO", "envs.probes.FiniteReward", **options)
    algo = make_algo(config.learners(learner_class=Seeing))
    algo.train()
    (seen,) = algo.learner_group.foreach_learner(lambda learner: learner.seen)
    # The observation counts the steps in hundredths: 20 of both environments.
    steps = np.sort(np.rint(100 * seen.get().numpy().reshape(-1)).astype(int))
    assert steps.tolist() == sorted([*range(20), *range(20)])


@mostly_local
def test_fragments_of_resets_only_are_played_but_not_learnt_from(make_algo, make_config, name):
    settings = {"num_envs_per_env_runner": 2, "rollout_fragment_length": 1}
    settings |= {"min_sample_timesteps_per_iteration": 20}
    if name != "A3C":
        settings |= {"train_batch_size": 2, "minibatch_size": None}
    else:
        settings |= {"num_env_runners": 1}
    algo = make_algo(make_config(name, "envs.probes.ConstantReward", **settings))
    result = algo.train()
    assert result["env_runners"]["num_env_steps_sampled"] == 20
    assert np.isfinite(result["learners"]["default_policy"]["total_loss"])


@mostly_local
def test_continuous_actions_train(make_algo, make_config, name):
    sizes = {"rollout_fragment_length": 50, "num_envs_per_env_runner": 4}
    if name != "A3C":
        sizes["train_batch_size"] = 200
    options = {"env_config": {"max_episode_steps": 20}, **SMALL[name], **sizes}
    algo = make_algo(make_config(name, "Pendulum-v1", **options))
    before = algo.env_runner.module.get_state()
    for _ in range(2):
        result = algo.train()
    assert np.isfinite(result["learners"]["default_policy"]["total_loss"])
    assert result["env_runners"]["episode_len_mean"] == 20
    # Pendulum pays between -16.3 and 0 a step.
    assert -330 < result["env_runners"]["episode_return_mean"] < 0
    after = algo.env_runner.module.get_state()
    assert not all(np.array_equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) for n in ("A3C", "PPO")] + ["A2C"]
)
def test_tune_runs_the_registered_name(ray_session, tmp_path, name):
    space = {"env": "CartPole-v1", "seed": 0, "model": {"fcnet_hiddens": [8]}, **SMALL[name]}
    tuner = tune.Tuner(
        name,
        param_space=space,
        run_config=tune.RunConfig(
            stop={"training_iteration": 2}, storage_path=str(tmp_path), name="run", verbose=0
        ),
    )
    (result,) = tuner.fit()
    assert result.error is None
    assert result.metrics["training_iteration"] == 2
    for path in (*TUNE_RESULTS, "timesteps_total", "learners/default_policy/total_loss"):
        assert np.isfinite(at(result.metrics, path))
    # Stock RLlib's PPO knows no frames: the name meant ours.
    assert result.metrics["num_frames_sampled_lifetime"] > 0


@pytest.mark.parametrize("name", ["A2C", "PG"])
def test_one_result_per_1000_steps_changes_nothing_that_is_learned(make_config, make_algo, name):
    default = config_class(name)()
    batch, steps = default.train_batch_size, default.min_sample_timesteps_per_iteration
    assert batch < steps == 1000
    algo = make_algo(make_config(name, min_sample_timesteps_per_iteration=steps))
    for number in (1, 2):
        steps = at(algo.train(), "env_runners/num_env_steps_sampled_lifetime")
        assert 1000 * number <= steps < (1000 + batch) * number
    # A setting of the user's counts as it is: a result per update.
    fine = make_algo(make_config(name, min_sample_timesteps_per_iteration=0))
    results = [fine.train()]
    while at(results[-1], "env_runners/num_env_steps_sampled_lifetime") < steps:
        results.append(fine.train())
    assert len(results) > 2 * 1000 / batch - 2
    assert at(results[-1], "env_runners/num_env_steps_sampled_lifetime") == steps
    expected, actual = (a.get_module().get_state() for a in (fine, algo))
    assert expected.keys() == actual.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(actual[key], value)
