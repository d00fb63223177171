"""Stop rules, numbers that contradict each other, resources; and what a good check returns."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace

import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate
from rllib_zoo.experiments.validation.keys import combinations

OURS = "custom_models.SharedEncoderActorCritic"


def experiment(algorithm="PPO", **config):
    config.setdefault("num_env_runners", 1 if algorithm == "A3C" else 0)
    return Experiment(
        name="x",
        algorithm=algorithm,
        env="CartPole-v1",
        config=config,
        stop={"training_iteration": 1},
    )


def refusal(request, **resources):
    with pytest.raises(RequestError) as caught:
        validate(request, **resources)
    return str(caught.value)


def grid(*values):
    return {"grid_search": list(values)}


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ({}, "stop: missing stop rule; stop: {timesteps_total: 100000}"),
        ([1], "stop: must map result names to bounds, got [1]"),
        (
            {"timestep_total": 1},
            "stop.timestep_total: unknown result name; did you mean 'timesteps_total'?",
        ),
        (
            {"episode_return_mean": 1},
            "stop.episode_return_mean: unknown result name; "
            "did you mean 'env_runners/episode_return_mean'?",
        ),
        ({"zzz": 1}, "stop.zzz: unknown result name"),
        (
            {"env_runners": {"episode_return_mean": 20}},
            'stop.env_runners: must be a number; levels are joined by "/": '
            "env_runners/episode_return_mean: 20",
        ),
        ({"timesteps_total": -1}, "stop.timesteps_total: must be a number above 0, got -1"),
        ({"timesteps_total": 0}, "stop.timesteps_total: must be a number above 0, got 0"),
        ({"timesteps_total": None}, "stop.timesteps_total: must be a number above 0, got None"),
        (
            {"timesteps_total": "1e5"},
            "stop.timesteps_total: must be a number above 0, got '1e5' "
            "(remove the quotes or the stray comma)",
        ),
        (
            {"training_iteration": 1, "time_total_s": True},
            "stop.time_total_s: must be a number above 0, got True",
        ),
    ],
)
def test_stop(stop, message):
    assert refusal(replace(experiment(), stop=stop)) == message


@pytest.mark.parametrize(
    "changes",
    [
        {"stop": {"episode_reward_mean": -100}},
        {"stop": {"env_runners/episode_return_mean": 0}},
        {"stop": {}, "time_budget_s": 5},
        {"stop": {"learners/default_policy/mean_kl_loss": 0.5}},
    ],
)
def test_good_stops(changes):
    validate(replace(experiment(), **changes))


def test_a_result_of_another_algorithm_is_none_of_this_one():
    stop = {"learners/default_policy/gradient_staleness_mean": 5}
    validate(replace(experiment("A3C"), stop=stop))
    assert refusal(replace(experiment("PPO"), stop=stop)).startswith(
        "stop.learners/default_policy/gradient_staleness_mean: unknown result name"
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "score_attribute",
            "episode_rewad_mean",
            "checkpoint_score_attribute: result 'episode_rewad_mean' is unknown; "
            "did you mean 'episode_reward_mean'?",
        ),
        (
            "score_attribute",
            "evaluation/env_runners/episode_return_mean",
            "checkpoint_score_attribute: result 'evaluation/env_runners/episode_return_mean' needs "
            "config.evaluation_interval; config: {evaluation_interval: 1}",
        ),
        (
            "metric",
            "evaluation/env_runners/episode_len_mean",
            "metric: result 'evaluation/env_runners/episode_len_mean' needs "
            "config.evaluation_interval; config: {evaluation_interval: 1}",
        ),
        ("score_attribute", 5, "checkpoint_score_attribute: result 5 is unknown"),
        ("score_order", "mini", "score_order: must be one of max, min, or null, got 'mini'"),
        ("num_samples", 0, "num_samples: must be an integer of at least 1, got 0"),
        (
            "checkpoint_frequency",
            1.5,
            "checkpoint_frequency: must be an integer of at least 0, or null, got 1.5",
        ),
        (
            "checkpoint_at_end",
            "true",
            "checkpoint_at_end: must be true or false, or null, "
            "got 'true' (remove the quotes or the stray comma)",
        ),
        ("num_to_keep", 0, "num_to_keep: must be an integer of at least 1, or null, got 0"),
        ("storage_path", 5, "storage_path: must be text, or null, got 5"),
        ("max_failures", -2, "max_failures: must be an integer of at least -1, or null, got -2"),
        ("time_budget_s", 0, "time_budget_s: must be a number above 0, or null, got 0"),
    ],
)
def test_fields(field, value, message):
    assert refusal(replace(experiment(), **{field: value})) == message


NUMBERS = [
    (
        "A2C",
        {"train_batch_size": 100},
        "config: train_batch_size 100 is not divisible by 1 runner(s) × 8 env(s) = 8; "
        "nearest: 96 or 104",
    ),
    (
        "A2C",
        {"train_batch_size": 80, "rollout_fragment_length": 3},
        "config: train_batch_size 80 is not divisible by 1 runner(s) × 8 env(s) × "
        "rollout_fragment_length 3 = 24; nearest: 72 or 96",
    ),
    (
        "A2C",
        {"minibatch_size": 64},
        "config: minibatch_size 64 is larger than the train batch of one learner (40)",
    ),
    (
        "PPO",
        {"train_batch_size": 64, "minibatch_size": 128},
        "config: `minibatch_size` (128) must be <= `train_batch_size_per_learner` (64)",
    ),
    (
        "PPO",
        {"train_batch_size": 4000, "train_batch_size_per_learner": 2000},
        "config.train_batch_size: 4000 has no effect beside train_batch_size_per_learner 2000",
    ),
    (
        "PPO",
        {"train_batch_size": grid(200, 100), "minibatch_size": grid(50, 150)},
        "config: `minibatch_size` (150) must be <= `train_batch_size_per_learner` (100)",
    ),
    (
        "A2C",
        {"train_batch_size": grid(40, 100)},
        "config: train_batch_size 100 is not divisible by 1 runner(s) × 8 env(s) = 8; "
        "nearest: 96 or 104",
    ),
    (
        "A3C",
        {"num_env_runners": 0},
        "config: A3C requires num_env_runners of 1 or more: its env runners compute the gradients",
    ),
    ("A3C", {"num_learners": 2}, "config: A3C supports one learner only, num_learners is 2"),
    (
        "A3C",
        {"rollout_fragment_length": "auto"},
        "config: rollout_fragment_length 'auto' requires train_batch_size with A3C",
    ),
]


@pytest.mark.parametrize(("algorithm", "config", "message"), NUMBERS)
def test_contradictions(algorithm, config, message):
    assert refusal(experiment(algorithm, **config)) == message


def test_too_many_cpus():
    request = experiment(num_env_runners=8, train_batch_size=4000)
    assert refusal(request, cpus=4.0) == (
        "config.num_env_runners: needs 9 CPUs, 4 available; num_env_runners 3 would fit, or "
        "smaller num_cpus_per_env_runner, or --ray-num-cpus to let Ray oversubscribe"
    )
    validate(request, cpus=9.0)
    validate(request, cpus=None)


def test_no_runner_is_offered_only_to_who_can_do_without():
    for algorithm, offered in (("PPO", True), ("A3C", False)):
        told = refusal(experiment(algorithm, num_env_runners=1), cpus=1.0)
        assert "needs 2 CPUs, 1 available; " in told
        assert ("num_env_runners 0 would fit" in told) == offered


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"num_cpus_for_main_process": 2}, "config.num_cpus_for_main_process: needs 2"),
        ({"num_learners": 1}, "config.num_learners: needs 2"),
    ],
)
def test_without_runners_what_else_asks_is_named(config, key):
    assert refusal(experiment(**config), cpus=1.0) == (
        f"{key} CPUs, 1 available; --ray-num-cpus to let Ray oversubscribe"
    )


def test_what_would_fit_does_fit():
    validate(experiment(num_env_runners=3, train_batch_size=4020), cpus=4.0)


def test_gpus():
    request = experiment(num_gpus_per_learner=1)
    assert refusal(request, cpus=2.0, gpus=0.0) == (
        "config.num_gpus_per_learner: needs 1 GPUs, 0 available"
    )
    validate(request, gpus=1.0)


GOOD = {
    "lr": [[0, 1e-3], [1000, 0]],
    "entropy_coeff": grid(0.0, [[0, 0.1], [100, 0.01]]),
    "lambda": 0.9,
    "clip_param": None,
    "train_batch_size": 256,
    "minibatch_size": 64,
    "num_envs_per_env_runner": 4,
    "env_config": {"sutton_barto_reward": grid(True, False)},
    "evaluation_config": {"explore": False, "env_config": {"sutton_barto_reward": False}},
    "model": {"custom_model": OURS, "custom_model_config": grid({"policy_hiddens": []}, {})},
    "seed": 5,
}


def test_a_good_experiment_is_returned_with_its_values(capfd):
    request = experiment(**copy.deepcopy(GOOD))
    before = copy.deepcopy(request)
    config = validate(request, cpus=2.0, gpus=0.0).config
    assert request == before
    assert capfd.readouterr() == ("", "")
    assert config.env == "CartPole-v1"
    assert (config.lr, config.entropy_coeff, config.lambda_) == (GOOD["lr"], 0.0, 0.9)
    assert (config.clip_param, config.minibatch_size, config.seed) == (None, 64, 5)
    assert config.total_train_batch_size == 256
    assert config.env_config == {"sutton_barto_reward": True}
    assert config.model_config["custom_model_config"] == {"policy_hiddens": []}


def test_grids_inside_grids_are_all_run():
    found = combinations({"a": grid(1, 2), "b": {"c": grid(3, 4), "d": 5}})
    assert found == [{"a": a, "b": {"c": c, "d": 5}} for a in (1, 2) for c in (3, 4)]


def test_checking_starts_no_ray():
    script = (
        "import ray\n"
        "from rllib_zoo.experiments.validation.check import validate\n"
        "from rllib_zoo.experiments.spec.experiment import Experiment\n"
        "x = Experiment(name='x', algorithm='PPO', env='CartPole-v1', config={},\n"
        "               stop={'training_iteration': 1})\n"
        "validate(x)\n"
        "assert not ray.is_initialized()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


HUGE = 10**400


@pytest.mark.parametrize(
    ("changes", "key", "limit"),
    [
        ({"stop": {"timesteps_total": HUGE}}, "stop.timesteps_total", "1.8e+308"),
        ({"time_budget_s": HUGE}, "time_budget_s", "1.8e+308"),
        ({"num_samples": HUGE}, "num_samples", str(2**63 - 1)),
        ({"config": {"lr": HUGE}}, "config.lr", None),
        ({"config": {"lr": {"uniform": [0, HUGE]}}}, "config.lr.uniform", None),
        ({"config": {"lr": [[0, 1.0], [HUGE, 0.0]]}}, "config.lr", None),
        ({"config": {"train_batch_size": HUGE}}, "config.train_batch_size", str(2**63 - 1)),
        ({"config": {"model": {"fcnet_hiddens": [HUGE]}}}, "config.model.fcnet_hiddens", None),
    ],
)
def test_a_number_beyond_the_machines_is_refused(changes, key, limit):
    message = refusal(replace(experiment(), **changes))
    assert message.startswith(f"{key}: ")
    assert (limit or "") in message
    assert len(message) < 2_000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"config": {"seed": 2**32}}, "config.seed: must be an integer of at least 0 and at most 4294967295"),
        ({"seeds": (0, 2**32)}, "seeds: must be a list of different whole numbers"),
        # RLlib seeds numpy with the sum of seed, runner and, for evaluation, a million.
        ({"config": {"seed": 2**32 - 1, "num_env_runners": 1}}, "at most 4294967294"),
        ({"seeds": (2**32 - 1,), "config": {"evaluation_interval": 1}}, "at most 4293967295"),
    ],
)  # fmt: skip
def test_a_seed_has_32_bits(changes, expected):
    assert expected in refusal(replace(experiment(), **changes))


def test_the_largest_seed_is_accepted():
    assert validate(experiment(seed=2**32 - 1)).config.seed == 2**32 - 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Umgebung-ä", "must be printable ASCII characters"),
        ("my\nenv", "must be printable ASCII characters"),
        ("e" * 151, "is longer than 150 characters, but names the trials' folders"),
    ],
)
def test_an_environments_name_becomes_a_folder(name, problem):
    # Not registered: Ray's registry would keep the name and fail on it later.
    message = refusal(replace(experiment(), env=name))
    assert message.startswith("env: ")
    assert message.endswith(problem)


def test_a_population_cannot_mutate_what_its_trials_copy():
    def with_mutation(**mutations):
        scheduler = {
            "type": "pbt", "perturbation_interval": 1, "hyperparam_mutations": mutations
        }  # fmt: skip
        fields = {"scheduler": scheduler, "num_samples": 2, "metric": "timesteps_total"}
        return replace(experiment(), **fields)

    where = "scheduler.hyperparam_mutations"
    message = refusal(with_mutation(model={"fcnet_hiddens": {"choice": [[64, 32], [128, 32]]}}))
    assert message.startswith(f"{where}.model.fcnet_hiddens: cannot be mutated: ")
    assert "(64,) with [64, 32], (128,) with [128, 32]" in message
    lstm = {"lstm_cell_size": {"randint": [8, 17]}, "use_lstm": {"choice": [True]}}
    assert f"{where}.model.lstm_cell_size: cannot" in refusal(with_mutation(model=lstm))
    message = refusal(with_mutation(optimizer={"type": {"choice": ["adam", "rmsprop"]}}))
    assert f"{where}.optimizer.type: cannot be mutated: optimizer is adam" in message
    validate(with_mutation(lr={"loguniform": [1e-4, 1e-2]}, num_epochs={"randint": [1, 4]}))
    # A search without copies may vary the network.
    validate(experiment(model={"fcnet_hiddens": {"choice": [[64, 32], [128, 32]]}}))
