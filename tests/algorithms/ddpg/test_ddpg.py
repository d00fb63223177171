"""DDPG: its updates, its results, and a run that is resumed bit by bit."""

import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from ray.rllib.algorithms.algorithm import Algorithm

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.experiments.evaluation.evaluate import evaluate_checkpoint
from rllib_zoo.experiments.options import EvaluateOptions

pytestmark = pytest.mark.ray

SMALL = {
    "env": "Pendulum-v1",
    "seed": 0,
    "actor_hiddens": [16],
    "critic_hiddens": [16, 8],
    "train_batch_size": 8,
    "random_steps": 20,
    "num_steps_sampled_before_learning_starts": 30,
    "min_sample_timesteps_per_iteration": 60,
    "log_sys_usage": False,
}
TIMING = ("num_env_steps_sampled_per_second",)


@pytest.fixture
def build(make_algo):
    def run(**settings):
        return make_algo(config_class("DDPG")().update_from_dict({**SMALL, **settings}))

    return run


def numbers(algo):
    result = algo.train()
    runners = {k: v for k, v in result["env_runners"].items() if k not in TIMING}
    return runners, result["learners"]["default_policy"], result["timesteps_total"]


def weights(algo):
    return algo.learner_group.get_weights()["default_policy"]


def test_every_promised_result_is_there(build):
    algo = build(env_config={"max_episode_steps": 20}, evaluation_interval=1, evaluation_duration=1)
    result = algo.train()
    missing = []
    for name in result_names("DDPG"):
        node = result
        for part in name.split("/"):
            node = node.get(part, {}) if isinstance(node, dict) else {}
        if isinstance(node, dict) and not name.startswith(("time", "iterations")):
            missing.append(name)
    assert missing == []
    assert result["timesteps_total"] >= 60


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "replay_buffer_config": {"type": "PrioritizedReplayBuffer"},
            "exploration_noise": {"type": "gaussian", "scale": [[0, 1.0], [200, 0.1]]},
            "n_step": 3,
            "num_envs_per_env_runner": 2,
            "training_intensity": 2.5,
            "actor_lr": [[0, 0.01], [300, 0.001]],
            "l2_reg": 1e-3,
            "use_huber": True,
        },
    ],
    ids=["uniform", "prioritized"],
)
def test_interrupted_and_restored_is_the_same_as_uninterrupted(build, settings, tmp_path):
    algo = build(**settings)
    algo.train()
    path = algo.save_to_path(str(tmp_path / "checkpoint"))
    expected = [numbers(algo), numbers(algo)]
    again = build(**settings)
    assert [numbers(again) for _ in range(3)][1:] == expected  # the same seed, the same run
    restored = Algorithm.from_checkpoint(path)
    try:
        assert [numbers(restored), numbers(restored)] == expected
        for name, value in weights(algo).items():
            assert_array_equal(value, weights(restored)[name], err_msg=name)
    finally:
        restored.stop()


def test_targets_are_copied_every_so_many_steps(build):
    algo = build(tau=1.0, target_network_update_freq=50, num_steps_sampled_before_learning_starts=1)

    def distance():
        net = algo.learner_group._learner.module["default_policy"]
        pairs = zip(net.critic.parameters(), net.target_critic.parameters(), strict=True)
        return max((online - target).abs().max().item() for online, target in pairs)

    found = []
    for _ in range(52):
        rollout = algo._sample_batch()
        algo._count_steps(rollout.num_steps, rollout.episodes)
        algo._add_to_buffer(rollout)
        algo._replay_update()
        found.append(distance())
    # Copied by the 50th update, and at no other.
    assert found[49] == 0.0
    assert all(d > 0.0 for d in [*found[:49], *found[50:]])


def test_each_step_moves_its_own_network_alone(build):
    algo = build(critic_lr=0.0, tau=0.5)
    algo.train()
    net = algo.learner_group._learner.module["default_policy"]
    before = {name: p.clone() for name, p in net.named_parameters()}
    algo.train()
    moved = {n.split(".")[0] for n, p in net.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"actor", "target_actor"}


@pytest.mark.parametrize(("intensity", "updates"), [(None, 40), (4.0, 20), (16.0, 80)])
def test_so_many_rows_are_replayed_for_each_step(build, intensity, updates):
    algo = build(
        training_intensity=intensity,
        num_steps_sampled_before_learning_starts=21,
        rollout_fragment_length=1,
    )
    algo.train()
    assert algo.learner_group._learner._num_updates == updates


def test_time_limits_bootstrap(build):
    algo = build(gamma=0.5, env_config={"max_episode_steps": 1})
    algo.train()
    discounts = algo._replay.sample(64)["discounts"]
    assert_array_equal(discounts, np.full(64, 0.5, np.float32))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"n_step": 3, "rollout_fragment_length": 1}, "shorter than n_step"),
        ({"critic_action_layer": 3}, "has inputs 0 to 2"),
        ({"replay_buffer_config": {"alpha": 0.5}}, "alpha has no effect"),
        ({"exploration_noise": {"type": "gaussian", "theta": 0.1}}, "'theta' is unknown"),
        ({"exploration_noise": {"type": "pink"}}, "'pink' is unknown"),
    ],
)
def test_contradictions_are_refused(settings, problem):
    config = config_class("DDPG")().update_from_dict({**SMALL, **settings})
    with pytest.raises(ValueError, match=problem):
        config.validate()


def test_a_checkpoint_is_evaluated(build, tmp_path, capsys):
    algo = build()
    algo.train()
    algo.save_to_path(str(tmp_path / "checkpoint"))
    options = EvaluateOptions(episodes=3, json_=True, algo="DDPG", trust_checkpoint=True, seed=5)
    score = evaluate_checkpoint(tmp_path / "checkpoint", options)
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["mean"] == score.mean
    assert score.steps == 600
    assert -2000 < score.mean < 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"num_env_runners": 2}, {"num_learners": 2}], ids=str)
def test_other_processes_sample_and_learn(build, settings):
    algo = build(**settings, random_steps=0)
    for _ in range(2):
        result = algo.train()
    assert result["timesteps_total"] >= 120
    assert np.isfinite(result["learners"]["default_policy"]["qf_loss"])
    if "num_env_runners" in settings:
        # What runners act with is what was learned.
        [acting, _] = algo.env_runner_group.foreach_env_runner(
            lambda runner: runner.module.get_state(), local_env_runner=False
        )
        for name, value in weights(algo).items():
            if name.startswith("actor"):
                assert_array_equal(acting[name], value, err_msg=name)
    else:
        first, second = (
            found.get()
            for found in algo.learner_group.foreach_learner(
                lambda learner: [p.detach().numpy() for p in learner._online]
            )
        )
        for one, other in zip(first, second, strict=True):
            assert_array_equal(one, other)
