"""Same seed, same run; interrupted and restored, the same run too: bitwise."""

import numpy as np
import pytest
from ray.rllib.algorithms.algorithm import Algorithm

from rllib_zoo.algorithms.env_runner.running_moments import FILTER

pytestmark = pytest.mark.ray

SMALL = {
    "A2C": {"num_envs_per_env_runner": 4, "train_batch_size": 40},
    "PPO": {
        "num_envs_per_env_runner": 4,
        "train_batch_size": 80,
        "minibatch_size": 32,
        "num_epochs": 2,
        "kl_target": 1e-4,
    },
}
SCHEDULES = {"lr": [[0, 0.01], [600, 0.001]], "entropy_coeff": [[0, 0.1], [600, 0.0]]}
REMEMBERING = {"model": {"fcnet_hiddens": [8], "use_lstm": True, "lstm_cell_size": 8}}
FILTERED = {"observation_filter": "MeanStdFilter"}
# A dense network: gradients written out, Adam's state in one memory.
DENSE = {
    "custom_model": "custom_models.SharedEncoderActorCritic",
    "custom_model_config": {
        "encoder_hiddens": [8],
        "activation": "tanh",
        "policy_hiddens": [],
        "value_hiddens": [],
        "shared_encoder": False,
        "free_log_std": True,
    },
}
CONTINUOUS = {"env": "Hopper-v5", "model": DENSE, "normalize_returns": True, **FILTERED}
# Numbers that measure the machine or the call, not the training.
TIMING = ("num_env_steps_sampled_per_second",)

CASES = {
    "A2C": ("A2C", {}),
    "PPO": ("PPO", {}),
    "A2C with schedules": ("A2C", SCHEDULES),
    "PPO with schedules": ("PPO", SCHEDULES),
    "A2C with filter": ("A2C", FILTERED),
    "PPO with filter": ("PPO", FILTERED),
    "A2C on Pendulum": ("A2C", {"env": "Pendulum-v1", **FILTERED}),
    "PPO on FrozenLake": ("PPO", {"env": "FrozenLake-v1"}),
    "A2C with memory": ("A2C", {**REMEMBERING, **FILTERED}),
    "PPO with memory": ("PPO", REMEMBERING),
    "PPO on Hopper": ("PPO", {**CONTINUOUS, "objective": "kl_adaptive", "kl_target": 1e-4}),
    "PPO with several fragments a batch": ("PPO", {"rollout_fragment_length": 5, **FILTERED}),
}
every_case = pytest.mark.parametrize("case", CASES)


def numbers(result):
    """The iteration's training numbers without timings."""
    runners = {k: v for k, v in result["env_runners"].items() if k not in TIMING}
    return {"iteration": result["training_iteration"], "steps": result["timesteps_total"]} | {
        "runners": runners,
        "learner": result["learners"]["default_policy"],
    }


def train(algo, iterations):
    return [numbers(algo.train()) for _ in range(iterations)]


def assert_same_weights(first, second):
    one, two = (algo.learner_group.get_weights()["default_policy"] for algo in (first, second))
    for key, value in one.items():
        np.testing.assert_array_equal(value, two[key], err_msg=key)
    acting = second.env_runner.module.get_state()
    assert all(np.array_equal(acting[key], two[key]) for key in two)


@pytest.fixture
def build(make_algo, make_config):
    def run(case, seed=0):
        name, changes = CASES[case]
        return make_algo(make_config(name, **{**SMALL[name], **changes, "seed": seed}))

    return run


@pytest.fixture
def restore(ray_session):
    restored = []

    def run(path):
        restored.append(Algorithm.from_checkpoint(path))
        return restored[-1]

    yield run
    for algo in restored:
        algo.stop()


@pytest.mark.parametrize("case", ["A2C", "PPO", "A2C on Pendulum", "PPO on Hopper"])
def test_one_seed_gives_one_curve_and_another_seed_another(build, case):
    first, again, other = build(case), build(case), build(case, seed=1)
    curve = train(first, 3)
    assert curve == train(again, 3)
    assert_same_weights(first, again)
    assert all(a != b for a, b in zip(curve, train(other, 3), strict=True))


@every_case
def test_a_restored_run_continues_as_the_uninterrupted_one(build, restore, tmp_path, case):
    uninterrupted = build(case)
    train(uninterrupted, 3)
    path = uninterrupted.save_to_path(str(tmp_path / "checkpoint"))
    restored = restore(path)
    assert type(restored) is type(uninterrupted)
    assert_same_weights(uninterrupted, restored)
    assert train(uninterrupted, 4) == train(restored, 4)
    assert_same_weights(uninterrupted, restored)
    ours, theirs = uninterrupted.moments_state(), restored.moments_state()
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name]["mean"], theirs[name]["mean"])


def test_saving_does_not_disturb_the_run(build, tmp_path):
    saved, left_alone = build("PPO with filter"), build("PPO with filter")
    curve = train(left_alone, 4)
    start = train(saved, 2)
    saved.save_to_path(str(tmp_path / "checkpoint"))
    assert start + train(saved, 2) == curve


def test_a_restored_run_counts_on(build, restore, tmp_path):
    algo = build("A2C")
    before = train(algo, 5)[-1]
    restored = restore(algo.save_to_path(str(tmp_path / "checkpoint")))
    after = train(restored, 1)[-1]
    assert after["iteration"] == before["iteration"] + 1
    sampled = after["runners"]["num_env_steps_sampled"]
    assert after["steps"] == before["steps"] + sampled
    total = before["runners"]["num_episodes_lifetime"] + after["runners"]["num_episodes"]
    assert after["runners"]["num_episodes_lifetime"] == total > 0


def test_an_optimizer_left_out_would_show(build, restore, tmp_path):
    """Negative control: the comparison above notices RMSProp's averages."""
    algo = build("A2C")
    train(algo, 3)
    restored = restore(algo.save_to_path(str(tmp_path / "checkpoint")))

    def forget(learner):
        for state in learner.get_optimizer().state.values():
            state["square_avg"].zero_()

    restored.learner_group.foreach_learner(forget)
    algo.train()
    restored.train()
    with pytest.raises(AssertionError):
        assert_same_weights(algo, restored)


def test_restore_from_starts_a_new_trial_where_the_checkpoint_stands(build, make_algo, tmp_path):
    algo = build("PPO with filter")
    before = train(algo, 3)
    path = algo.save_to_path(str(tmp_path / "checkpoint"))
    started = make_algo(algo.config.copy(copy_frozen=False).training(restore_from=str(path)))
    assert_same_weights(algo, started)
    first = train(started, 1)[0]
    assert first["steps"] > before[-1]["steps"]
    assert first["learner"] == train(algo, 1)[0]["learner"]


@pytest.mark.slow
def test_a3c_keeps_weights_counters_and_filter(make_algo, make_config, restore, tmp_path):
    options = {"num_env_runners": 1, "min_sample_timesteps_per_iteration": 200, **FILTERED}
    algo = make_algo(make_config("A3C", "Pendulum-v1", **options))
    before = numbers(algo.train())
    path = algo.save_to_path(str(tmp_path / "checkpoint"))
    restored = restore(path)
    assert_same_weights(algo, restored)
    assert (
        restored.moments_state()[FILTER]["count"]
        == algo.moments_state()[FILTER]["count"]
        == before["steps"]
    )
    after = numbers(restored.train())
    assert after["steps"] == before["steps"] + after["runners"]["num_env_steps_sampled"]
    assert after["iteration"] == 2
