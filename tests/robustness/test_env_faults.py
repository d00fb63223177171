"""Environments that raise, hang or return NaN: restarted and counted, or named."""

from __future__ import annotations

import gc
import sys
import time

import faulty_envs
import gymnasium as gym
import numpy as np
import pytest
from faulty_envs import EPISODE
from ray import cloudpickle

from rllib_zoo.algorithms.env_runner.evaluation import play_episodes
from rllib_zoo.envs import EnvironmentFault, EnvironmentRequestError
from rllib_zoo.envs.restart_policy import RESTARTS_IN_A_ROW

SIZES = {"num_envs_per_env_runner": 4, "rollout_fragment_length": 10, "train_batch_size": 40}
# Processes that Ray starts do not know the tests' helpers.
cloudpickle.register_pickle_by_value(faulty_envs)


@pytest.fixture(autouse=True)
def first_generation():
    faulty_envs.RaisesOnce.built.clear()
    faulty_envs.NeverResets.resets.clear()


def vector_only(broken):
    """A gymnasium id with a vector version only."""
    name = f"NotNumbers{broken.title()}-v0"
    if name not in gym.registry:
        gym.register(
            name,
            entry_point=faulty_envs.Sound,
            vector_entry_point=lambda **given: faulty_envs.NotNumbers(broken=broken, **given),
        )
    return name


def sampled(runner, fragments):
    """So many fragments of a runner, copies."""
    return [runner.sample().copy() for _ in range(fragments)]


# --- raising ---------------------------------------------------------------------------------


def test_a_copy_that_raises_is_built_anew_alone(make_runner):
    runner = make_runner(faulty_envs.RaisesOnce, **SIZES)
    rollout = runner.sample()
    # The first of four copies raised at its 4th step: that step is nobody's, what came before is cut.
    assert rollout.env_restarts == 1
    lost = np.zeros((10, 4), bool)
    lost[3, 0] = True
    assert np.array_equal(rollout.mask, ~lost)
    assert rollout.num_steps == 39
    assert rollout.truncated[2, 0]
    assert rollout.truncated.sum() == 1
    assert rollout.next_values[2, 0] == rollout.values[3, 0]
    # A new episode begins: its observation counts from 0 again.
    assert rollout.obs[:, 0, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert rollout.obs[:, 1, 0].tolist() == list(range(10))
    # The broken-off episode is in no statistic.
    assert [episode.length for episode in rollout.episodes] == [EPISODE] * 3
    assert sampled(runner, 1)[0].env_restarts == 0


def test_whoever_remembers_begins_anew_with_the_copy(make_runner):
    model = {"use_lstm": True, "lstm_cell_size": 4, "fcnet_hiddens": [4], "max_seq_len": 5}
    runner = make_runner(faulty_envs.RaisesOnce, **SIZES, model=model)
    firsts = runner.sample().firsts
    assert firsts is not None
    assert np.argwhere(firsts).tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [4, 0]]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_one_percent_of_faults_costs_steps_and_nothing_else(make_runner, mode):
    options = {"env_config": {"step": 0.01, "reset": 0.01}, "gym_env_vectorize_mode": mode}
    runner = make_runner(faulty_envs.Flaky, **SIZES, **options)
    rollouts = sampled(runner, 60)
    restarts = sum(rollout.env_restarts for rollout in rollouts)
    assert 5 <= restarts <= 60  # about 2,200 chances of 1 %
    episodes = [episode for rollout in rollouts for episode in rollout.episodes]
    # Whole episodes only, each with its own steps.
    assert {(e.length, e.episode_return) for e in episodes} == {(EPISODE, float(EPISODE))}
    assert all(np.isfinite(rollout.obs).all() for rollout in rollouts)
    # Rewards of masked steps are 0, of all others 1: nothing was made up.
    for rollout in rollouts:
        assert np.array_equal(rollout.rewards, rollout.mask.astype(np.float32))


def test_the_same_faults_give_the_same_rollouts(make_runner):
    pairs = zip(
        *(sampled(make_runner(faulty_envs.Flaky, **SIZES), 20) for _ in range(2)), strict=True
    )
    total = 0
    for one, other in pairs:
        total += one.env_restarts
        assert one.env_restarts == other.env_restarts
        assert all(np.array_equal(a, other.arrays()[name]) for name, a in one.arrays().items())
    assert total > 0


class Exits(faulty_envs.Sound):
    """Ends its process, in one place."""

    def __init__(self, place):
        self.place = place
        if place == "built":
            sys.exit("no license")

    def step(self, action):
        sys.exit("no license")


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("built", "environment 'Exits' exits while it is built: no license"),
        ("step", "environment 'Exits', copy 0: SystemExit: no license in step 1 of an episode"),
    ],
)
def test_an_environment_that_exits_is_named(make_runner, place, line):
    options = {"restart_failed_sub_environments": False, "env_config": {"place": place}}
    with pytest.raises((EnvironmentFault, EnvironmentRequestError), match=f"^{line}"):
        make_runner(Exits, **SIZES, **options).sample()


class NeverEnds(faulty_envs.Sound):
    """No episode ends: the ninth step raises."""

    def step(self, action):
        if self.at == 8:
            raise OSError("no ninth step")
        return super().step(action)


def test_an_evaluation_of_episodes_that_all_fail_ends(make_runner):
    with pytest.raises(EnvironmentFault, match=r"'NeverEnds', copy 0: 10 restarts without the end"):
        play_episodes(make_runner(NeverEnds, **SIZES), 4, explore=False)


def test_without_restarts_the_first_error_is_named(make_runner):
    options = {"restart_failed_sub_environments": False, "env_config": {"at": 4}}
    runner = make_runner(faulty_envs.RaisesOnce, **SIZES, **options)
    line = (
        r"^environment 'RaisesOnce', copy 0: OSError: once in step 4 of an episode; "
        r"restart_failed_sub_environments: true would restart it$"
    )
    with pytest.raises(EnvironmentFault, match=line):
        runner.sample()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (faulty_envs.Raising, "OSError: the simulator is gone in step 1 of an episode"),
        (faulty_envs.NeverResets, "OSError: no second episode in reset"),
    ],
)
def test_building_anew_in_vain_ends(make_runner, env, said):
    said = f"'{env.__name__}', copy 0: {said}, after {RESTARTS_IN_A_ROW} restarts in"
    with pytest.raises(EnvironmentFault, match=said):
        sampled(make_runner(env, **SIZES), 2)


def test_an_error_in_close_ends_nothing(make_runner, caplog, capsys):
    runner = make_runner(faulty_envs.NeverCloses, **SIZES)
    assert runner.sample().num_steps == 40
    runner.stop()
    del runner
    gc.collect()
    assert caplog.messages[-1].endswith("NeverCloses'>: OSError: the port is gone in close()")
    assert "Exception ignored" not in capsys.readouterr().err


def test_a_vector_version_that_raises_is_built_anew_whole(make_runner):
    runner = make_runner(vector_only("raise"), **SIZES)
    first, second, _ = sampled(runner, 3)
    assert (first.env_restarts, second.env_restarts) == (0, 4)
    assert not second.mask[4].any()
    assert second.num_steps == 36
    assert second.truncated[3].all()


def test_a_vector_version_is_named_without_restarts(make_runner):
    runner = make_runner(vector_only("raise"), **SIZES, restart_failed_sub_environments=False)
    with pytest.raises(EnvironmentFault, match=r"'NotNumbersRaise-v0', 4 copies: OSError: all tog"):
        sampled(runner, 2)


# --- what is no number, or of another form ---------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("filtered", ["NoFilter", "MeanStdFilter"])
def test_broken_observations_are_named(make_runner, value, filtered):
    options = {"env_config": {"value": value}, "observation_filter": filtered}
    runner = make_runner(faulty_envs.BadObservation, **SIZES, **options)
    runner.sample()
    line = rf"'BadObservation', copy 0: observation\[1\] is {value} \(at step 6 of the fragment\)"
    if filtered == "MeanStdFilter":
        line = r"'BadObservation'.*observation"
    with pytest.raises(EnvironmentFault, match=line):
        sampled(runner, 2)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
@pytest.mark.parametrize("clipped", [None, 1.0])
def test_broken_rewards_are_named(make_runner, value, clipped):
    options = {"env_config": {"value": value}, "clip_rewards": clipped}
    runner = make_runner(faulty_envs.BadReward, **SIZES, **options)
    runner.sample()
    line = rf"'BadReward', copy 0: reward is {value} \(at step 5 of the fragment\)"
    if clipped and np.isinf(value):  # clipping makes it a number, for learning
        line = r"'BadReward': an episode's return is not finite, with a reward of the last 10 steps"
    with pytest.raises(EnvironmentFault, match=line):
        sampled(runner, 1)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("env", "said"),
    [
        (faulty_envs.WrongShape, r"observation has shape \(5,\), expected \(4,\)"),
        (faulty_envs.WrongDtype, r"observation has dtype complex\d+, expected float32"),
        (faulty_envs.LostKey, r"observation\['speed'\] is missing"),
    ],
)
def test_other_forms_are_named(make_runner, env, said, mode):
    runner = make_runner(env, **SIZES, gym_env_vectorize_mode=mode)
    runner.sample()
    with pytest.raises(
        EnvironmentFault, match=rf"'{env.__name__}', copy \d: {said} \(at step 5 of"
    ):
        sampled(runner, 1)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("shape", r"4 copies: observation has shape \(4, 1\), expected \(4, 4\)"),
        ("dtype", r"4 copies: observation has dtype complex128, expected float32"),
    ],
)
def test_other_forms_of_a_vector_version_are_named(make_runner, broken, said):
    runner = make_runner(vector_only(broken), **SIZES)
    runner.sample()
    with pytest.raises(EnvironmentFault, match=said):
        sampled(runner, 1)


def test_evaluation_names_broken_rewards_as_well(make_runner):
    from rllib_zoo.algorithms.env_runner.evaluation import play_episodes

    runner = make_runner(faulty_envs.BadReward, **SIZES, evaluation=True)
    with pytest.raises(EnvironmentFault, match=r"'BadReward', copy 0: an episode's return is nan"):
        play_episodes(runner, 12, explore=True)


# --- whole trainings -------------------------------------------------------------------------


@pytest.mark.ray
@pytest.mark.parametrize(
    ("name", "runners"),
    [("PPO", 0), *(pytest.param(n, 1, marks=pytest.mark.slow) for n in ("A2C", "A3C"))],
)
def test_restarts_are_counted_in_the_results(make_algo, make_config, name, runners):
    sizes = {**SIZES, "num_env_runners": runners, "min_sample_timesteps_per_iteration": 400}
    if name == "PPO":
        sizes |= {"minibatch_size": 20, "num_epochs": 1}
    algo = make_algo(make_config(name, faulty_envs.Flaky, **sizes))
    results = [algo.train()["env_runners"] for _ in range(4)]
    each = [result["num_env_restarts"] for result in results]
    assert 3 <= sum(each) <= 60
    assert [result["num_env_restarts_lifetime"] for result in results] == np.cumsum(each).tolist()
    assert results[-1]["episode_len_max"] == results[-1]["episode_len_min"] == EPISODE


@pytest.mark.ray
@pytest.mark.parametrize("name", ["A2C", pytest.param("A3C", marks=pytest.mark.slow)])
def test_a_runner_processs_environment_is_named_in_the_trainings_error(
    make_algo, make_config, name
):
    keys = {"num_env_runners": 1, "restart_failed_sub_environments": False}
    algo = make_algo(make_config(name, faulty_envs.Raising, **SIZES, **keys))
    with pytest.raises(
        EnvironmentFault, match=r"'Raising', copy 0: OSError: .*; in iteration 1, after 0 env"
    ):
        algo.train()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("name", ["A2C", "A3C"])
def test_a_runner_whose_environment_hangs_is_terminated(make_algo, make_config, tmp_path, name):
    flag = str(tmp_path / "flag")
    sizes = {**SIZES, "num_env_runners": 2, "train_batch_size": 80, "sample_timeout_s": 6.0}
    if name == "A3C":
        sizes.pop("train_batch_size")
    algo = make_algo(make_config(name, faulty_envs.Hanging, **sizes, env_config={"flag": flag}))
    faults: dict = {}
    deadline = time.monotonic() + 200
    while not faults.get("num_remote_worker_restarts") and time.monotonic() < deadline:
        faults = algo.train()["fault_tolerance"]
    assert faults["num_remote_worker_restarts"] >= 1
    assert faults["num_healthy_workers"] == 2
