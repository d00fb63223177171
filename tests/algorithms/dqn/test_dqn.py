"""DQN: RLlib's own on this project's environments, result names and command."""

import copy
import json
from types import SimpleNamespace

import faulty_envs
import numpy as np
import pytest
import torch
from algorithm_fixtures import SMALL_DQN
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.algorithms.dqn.env_runner import FactoryEnvRunner
from rllib_zoo.algorithms.dqn.replay import with_signs
from rllib_zoo.experiments.evaluation.evaluate import evaluate_checkpoint
from rllib_zoo.experiments.options import EvaluateOptions

pytestmark = pytest.mark.ray
# For what only episodes matter to.
WITHOUT_LEARNING = {"num_steps_sampled_before_learning_starts": 10_000}


@pytest.fixture
def trained(make_algo):
    """An algorithm after some iterations, and its last result."""

    def run(env="CartPole-v1", iterations=2, **settings):
        algo = make_algo(
            config_class("DQN")().update_from_dict({"env": env, **SMALL_DQN, **settings})
        )
        for _ in range(iterations):
            result = algo.train()
        return algo, result

    return run


def test_every_promised_result_is_there(trained):
    result = trained()[1]
    missing = []
    for name in result_names("DQN"):
        node = result
        for part in name.split("/"):
            node = node.get(part, {}) if isinstance(node, dict) else {}
        if isinstance(node, dict) and not name.startswith("evaluation/"):
            missing.append(name)
    assert missing == []
    assert result["timesteps_total"] == result["num_env_steps_sampled_lifetime"] >= 240
    assert result["episode_reward_mean"] == result["env_runners"]["episode_return_mean"]


@pytest.mark.parametrize("env", ["FrozenLake-v1", faulty_envs.Bits])
def test_observations_of_integers(trained, env):
    algo, result = trained(env, iterations=1)
    assert result["num_env_steps_sampled_lifetime"] > 100  # learning has begun
    network = algo.get_module("default_policy")
    assert np.issubdtype(network.observation_space.dtype, np.integer)
    # Not scaled: states are ones and zeros.
    ones = torch.ones(1, *network.observation_space.shape)
    values = network.compute_q_values({"obs": ones.to(torch.int8)})["qf_preds"]
    assert torch.equal(values, network.compute_q_values({"obs": ones})["qf_preds"])
    assert not torch.equal(values, network.compute_q_values({"obs": ones / 255.0})["qf_preds"])


@pytest.mark.slow
def test_heads_and_epsilon_of_adam_are_those_asked_for(trained):
    algo, _ = trained(iterations=1, adam_epsilon=0.123, hiddens=[5, 4])
    learner = algo.learner_group._learner
    assert learner.get_optimizer("default_policy").param_groups[0]["eps"] == 0.123
    shapes = [tuple(p.shape) for p in learner.module["default_policy"].af.parameters()]
    assert shapes == [(5, 16), (5,), (4, 5), (4,), (2, 4), (2,)]


@pytest.mark.parametrize(
    ("temperature", "share"), [pytest.param(1e-3, 1.0, marks=pytest.mark.slow), (1e3, 0.5)]
)
def test_exploration_by_a_softmax(trained, temperature, share):
    algo, _ = trained(iterations=1, exploration_temperature=temperature, **WITHOUT_LEARNING)
    module = algo.env_runner.module
    batch = {"obs": torch.tensor([[0.1, 0.2, 0.05, -0.3]]).repeat(4000, 1)}
    best = module.forward_inference(batch)["actions"]
    explored = module.forward_exploration(batch, t=0)["actions"]
    assert (best == explored).float().mean().item() == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("numpy", [False, True])
def test_rewards_are_replayed_by_their_signs_and_counted_raw(numpy):
    rewards = InfiniteLookbackBuffer(data=[-7.0, 0.0, 21.0, 0.5], lookback=1)
    if numpy:
        rewards.finalize()
    episode = SimpleNamespace(rewards=rewards)
    before = copy.deepcopy(list(rewards.data))
    signed = with_signs(episode)
    assert list(signed.rewards.data) == [-1.0, 0.0, 1.0, 1.0]
    assert signed.rewards.lookback == 1
    assert list(rewards.data) == before
    assert signed is not episode


def test_atari_trains_and_reports_raw_scores(trained):
    algo, result = trained(
        "ALE/Assault-v5",
        iterations=1,
        model={"dim": 42, "conv_filters": [[4, 8, 4], [8, 4, 2]], "fcnet_hiddens": [8]},
        env_config={"frameskip": 30, "repeat_action_probability": 0.0},
        num_steps_sampled_before_learning_starts=280,
        min_sample_timesteps_per_iteration=300,
    )
    assert result["num_frames_sampled_lifetime"] == 30 * result["timesteps_total"]
    # Assault pays 21 points a hit.
    assert result["episode_reward_max"] % 21 == 0
    assert result["episode_reward_max"] >= 21
    sampled = algo.local_replay_buffer.sample(32, n_step=1)
    assert {float(r) for e in sampled for r in np.asarray(e.get_rewards())} <= {0.0, 1.0}


@pytest.mark.parametrize(
    "env", ["CartPole-v1", pytest.param("ALE/Pong-v5", marks=pytest.mark.slow)]
)
def test_a_checkpoint_is_evaluated(trained, env, tmp_path, capsys):
    atari = {
        "model": {"dim": 42, "conv_filters": [[4, 8, 4], [8, 4, 2]], "fcnet_hiddens": [8]},
        "env_config": {"max_num_frames_per_episode": 400},
        "min_sample_timesteps_per_iteration": 50,
    }
    algo, _ = trained(env, 1, **(atari if env.startswith("ALE") else {}))
    path = algo.save_to_path(str(tmp_path / "checkpoint"))
    options = EvaluateOptions(
        episodes=3,
        json_=True,
        algo="DQN",
        video=str(tmp_path / "video"),
        trust_checkpoint=True,
    )
    score = evaluate_checkpoint(tmp_path / "checkpoint", options)
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert path
    assert score.episodes == printed["episodes"] == 3
    assert printed["algorithm"] == "DQN"
    assert list((tmp_path / "video").glob("*.mp4"))


def test_the_mean_return_is_of_the_last_hundred_episodes(trained, make_algo, monkeypatch):
    logged = []
    original = FactoryEnvRunner._log_episode_metrics

    def recorded(runner, length, ret, sec):
        if not runner.config.in_evaluation:
            logged.append(ret)
        original(runner, length, ret, sec)

    monkeypatch.setattr(FactoryEnvRunner, "_log_episode_metrics", recorded)
    settings = {"metrics_num_episodes_for_smoothing": 10, "evaluation_interval": 2}
    settings |= {"min_sample_timesteps_per_iteration": 150, **WITHOUT_LEARNING}
    algo, second = trained(iterations=2, evaluation_duration=7, **settings)
    third = algo.train()
    runners = third["env_runners"]
    # Some 7 episodes an iteration: neither those of the last one nor all.
    assert len(logged) == runners["num_episodes_lifetime"] > 10 > runners["num_episodes"]
    assert runners["episode_window_size"] == 10
    assert runners["episode_return_mean"] == pytest.approx(np.mean(logged[-10:]))
    assert runners["episode_return_max"] == max(logged[-10:])
    assert third["episode_len_mean"] == pytest.approx(np.mean(logged[-10:]))  # CartPole: 1 a step
    assert "finished_episodes" not in runners
    assert second["evaluation"]["env_runners"]["episode_window_size"] == 7
    assert "evaluation" not in third
    other = make_algo(algo.config.copy(copy_frozen=False))
    other.set_state(algo.get_state())
    assert other._window.summary() == algo._window.summary()
