"""Evaluation in training when runners freeze or die, and when episodes never end."""

from __future__ import annotations

import os
import signal
import time

import faulty_envs
import pytest
from ray import cloudpickle

from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.evaluation import EpisodePlay, play_episodes, play_within

# Processes that Ray starts do not know the tests' helpers.
cloudpickle.register_pickle_by_value(faulty_envs)

SIZES = {"num_envs_per_env_runner": 4, "min_sample_timesteps_per_iteration": 40}
EVERY = {"evaluation_interval": 1, "evaluation_duration": 9}
NAMES = ("A2C", "A3C", "PPO", "DDPG", "DQN")


def config_of(make_config, name, env="CartPole-v1", **settings):
    sizes = {**SIZES, **EVERY}
    if name == "PPO":
        sizes |= {"train_batch_size": 80, "minibatch_size": 80}
    elif name == "A3C":
        sizes |= {"num_env_runners": 1}
    elif name == "DQN":
        sizes |= {"num_steps_sampled_before_learning_starts": 10_000}
    if name == "DDPG" and env == "CartPole-v1":
        env = "Pendulum-v1"
    return make_config(name, env, **{**sizes, **settings})


def test_an_episode_is_cut_at_its_number_of_steps(make_runner):
    runner = make_runner(faulty_envs.Endless, evaluation=True, num_envs_per_env_runner=3)
    steps = []
    episodes = play_episodes(
        runner, 2, explore=True, max_steps=7, on_step=lambda play: steps.append(play)
    )
    assert episodes == [Episode(7.0, 7, cut=True)] * 2
    assert len(steps) == 7


def test_an_episode_that_ends_at_its_number_of_steps_is_whole(make_runner):
    runner = make_runner(faulty_envs.Sound, evaluation=True, num_envs_per_env_runner=2)
    length = faulty_envs.EPISODE
    assert play_episodes(runner, 2, explore=True, max_steps=length) == [
        Episode(float(length), length)
    ] * 2  # fmt: skip
    with pytest.raises(ValueError, match="one episode per environment, not 3"):
        EpisodePlay(runner, 3, explore=True, max_steps=5)


def test_running_lengths_are_of_the_episodes_that_count(make_runner):
    runner = make_runner(faulty_envs.Sound, evaluation=True, num_envs_per_env_runner=3)
    play = EpisodePlay(runner, 2, explore=True)
    for _ in range(4):
        play.step()
    assert play.running_lengths() == [4, 4]


def test_episodes_that_never_end_are_left_after_the_timeout(make_runner):
    runner = make_runner(faulty_envs.Endless, evaluation=True, num_envs_per_env_runner=3)
    assert play_within(runner, 2, explore=True, timeout=0.05) == []


@pytest.mark.ray
@pytest.mark.parametrize(
    ("name", "runners"),
    [
        ("A2C", 0),
        ("DQN", 0),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("A2C", "DDPG", "DQN")),
    ],
)
def test_an_evaluation_of_endless_episodes_ends_in_training(make_algo, make_config, name, runners):
    env = faulty_envs.EndlessBox if name == "DDPG" else faulty_envs.Endless
    sizes = {"evaluation_num_env_runners": runners, "evaluation_sample_timeout_s": 0.5}
    config = config_of(make_config, name, env, sample_timeout_s=20.0, **sizes)
    result = make_algo(config).train()["evaluation"]["env_runners"]
    assert result["num_episodes_cut"] == 9
    assert "episode_return_mean" not in result


def evaluated_until_whole(algo, seconds=200):
    """Train until an evaluation had all its runners and episodes; its result."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = algo.train()["evaluation"]
        if result["num_remote_worker_restarts"] and result["num_healthy_workers"] == 2:
            return result
    raise AssertionError(f"no restart within {seconds} s: {result}")


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sent", [signal.SIGSTOP, signal.SIGKILL], ids=["frozen", "dead"])
def test_an_evaluation_runner_is_replaced_and_counted(make_algo, make_config, name, sent):
    # Long enough for a busy machine's training runners.
    sizes = {"evaluation_num_env_runners": 2, "sample_timeout_s": 25.0}
    sizes |= {"evaluation_sample_timeout_s": 90.0 if name != "DQN" else 20.0}
    algo = make_algo(config_of(make_config, name, **sizes))
    algo.train()
    group = algo.eval_env_runner_group
    pids = group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False)
    os.kill(pids[0], sent)
    # What the lost runner had to play is played by the other one.
    if name != "DQN":
        assert algo.train()["evaluation"]["env_runners"]["num_episodes_cut"] == 0
    result = evaluated_until_whole(algo)
    assert result["num_remote_worker_restarts"] == 1
    after = group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False)
    assert pids[0] not in after
    assert pids[1] in after
    assert algo.train()["evaluation"]["env_runners"]["episode_window_size"] == 9


@pytest.mark.ray
@pytest.mark.slow
def test_an_environment_that_hangs_in_evaluation_is_ended(make_algo, make_config, tmp_path):
    settings = {
        "evaluation_num_env_runners": 1,
        "sample_timeout_s": 8.0,
        "evaluation_duration": 16,  # four episodes of a copy: it hangs in the last
        "evaluation_config": {"env_config": {"flag": str(tmp_path / "flag")}},
        # Copies of training do not hang.
        "env_config": {"flag": str(tmp_path)},
    }
    algo = make_algo(config_of(make_config, "A2C", faulty_envs.Hanging, **settings))
    result = algo.train()["evaluation"]
    assert result["num_remote_worker_restarts"] == 1
    assert result["env_runners"]["num_episodes_cut"] == 0
    assert result["env_runners"]["episode_window_size"] == 16


@pytest.mark.ray
@pytest.mark.slow
def test_a_long_evaluation_does_not_end_a3cs_runners(make_algo, make_config):
    """Its gradients are there meanwhile; nobody asked for them."""
    timeouts = {"sample_timeout_s": 12.0, "evaluation_sample_timeout_s": 15.0}
    algo = make_algo(config_of(make_config, "A3C", faulty_envs.Endless, **timeouts))
    for _ in range(2):
        result = algo.train()
        assert result["evaluation"]["env_runners"]["num_episodes_cut"] == 9
        assert result["fault_tolerance"]["num_remote_worker_restarts"] == 0
        assert result["fault_tolerance"]["num_healthy_workers"] == 1
