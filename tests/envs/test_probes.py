"""Real A2C, PPO and A3C find the known values and actions of the probe environments.

What is asserted is the value the critic learns, then the greedy action. Negative controls break one
rule at a time and must give the other, also known, value.
"""

import gymnasium as gym
import numpy as np
import pytest
import torch

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner

pytestmark = pytest.mark.ray

GAMMA = 0.8
BATCH = 64
BOTH = pytest.mark.parametrize("name", ["A2C", "PPO"])
# What both share is tried with one of them in the default tests.
MOSTLY_PPO = pytest.mark.parametrize("name", ["PPO", pytest.param("A2C", marks=pytest.mark.slow)])
OWN_SETTINGS = {
    "A2C": {"lr": 0.02, "train_batch_size": BATCH},
    "PPO": {
        "lr": 0.02,
        "train_batch_size": BATCH,
        "minibatch_size": BATCH,
        "num_epochs": 2,
        "lambda_": 0.9,
        "entropy_coeff": 0.0,
        "use_kl_loss": False,
    },
    "A3C": {"lr": 0.01},
}


@pytest.fixture
def train(ray_session):
    """Train on a probe for about ``updates`` batches of 64 steps; returns the algorithm.

    The learning rate falls to a twentieth, so that noise averages out.
    """
    algos = []

    def run(name, probe, *, updates=200, runner=None, env_config=None, **settings):
        env = probe if probe.startswith("probes/") else f"envs.probes.{probe}"
        config = config_class(name)().environment(env, env_config=env_config or {})
        steps = updates * BATCH // 2  # with one-step episodes every other row is a reset
        config.debugging(seed=1, log_sys_usage=False).reporting(
            min_sample_timesteps_per_iteration=steps
        )
        settings = {**OWN_SETTINGS[name], **settings}
        settings["lr"] = [[0, settings["lr"]], [steps, settings["lr"] / 20]]
        model = {"fcnet_hiddens": [16], "fcnet_activation": "tanh"}
        config.training(model=model, gamma=GAMMA, **settings)
        config.env_runners(num_env_runners=0, num_envs_per_env_runner=16)
        if runner is not None:
            config.env_runners(env_runner_cls=runner)
        if name == "A3C":
            config.env_runners(num_env_runners=2, rollout_fragment_length=4)
        algos.append(config.build_algo())
        algos[-1].train()
        return algos[-1]

    yield run
    for algo in algos:
        algo.stop()


def values_at(algo, *observations):
    return outputs_at(algo, observations)[1]


def outputs_at(algo, observations):
    obs = torch.tensor(observations, dtype=torch.float32)[:, None]
    with torch.no_grad():
        dist_inputs, values = algo.env_runner.module.policy_and_value(obs)
    return dist_inputs.numpy(), values.numpy()


def assert_close(found, expected, tolerance=0.1):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def endless(gamma=GAMMA):
    return 1 / (1 - gamma)


class TruncationIsAnEnd(VectorEnvRunner):
    """The classic mistake: a cut episode counts as ended."""

    def sample(self, **kwargs):
        rollout = super().sample(**kwargs)
        rollout.terminated |= rollout.truncated
        return rollout


class ResetStepsCount(VectorEnvRunner):
    """The other one: the step spent on a reset is learnt from."""

    def sample(self, **kwargs):
        rollout = super().sample(**kwargs)
        rollout.mask[:] = True
        return rollout


class ActionsOfTheNextStep(VectorEnvRunner):
    """A step's action stands beside another environment's observation."""

    def sample(self, **kwargs):
        rollout = super().sample(**kwargs)
        rollout.actions[:] = np.roll(rollout.actions, 1, axis=1)
        return rollout


class BootstrapsWithAStart(VectorEnvRunner):
    """A cut episode's final value is that of some episode's first observation."""

    def sample(self, **kwargs):
        rollout = super().sample(**kwargs)
        starts = np.roll(rollout.values, 1, axis=1)
        np.copyto(rollout.next_values, starts, where=rollout.truncated)
        return rollout


@BOTH
def test_constant_reward_is_the_value(train, name):
    assert_close(values_at(train(name, "ConstantReward"), 0.0), [1.0], 0.05)


@MOSTLY_PPO
def test_reset_steps_in_the_loss_would_give_another_value(train, name):
    # Rows alternate between reward 1, then the end, and reward 0 followed by another start.
    # λ = 0: targets are 1 and γ V, so V = (1 + γ V) / 2 = 1 / (2 - γ).
    algo = train(name, "ConstantReward", runner=ResetStepsCount, lambda_=0.0)
    assert_close(values_at(algo, 0.0), [1 / (2 - GAMMA)], 0.07)


@MOSTLY_PPO
def test_the_reward_of_a_reset_step_is_nobodys(train, name):
    id_ = "probes/LoudReset-v0"
    if id_ not in gym.registry:
        gym.register(id_, vector_entry_point="rllib_zoo.envs.probes:LoudReset")
    algo = train(name, id_)
    assert_close(values_at(algo, 0.0), [1.0], 0.05)
    result = algo.train()["env_runners"]
    assert result["episode_return_min"] == result["episode_return_max"] == 1.0


@MOSTLY_PPO
def test_value_follows_the_observation(train, name):
    assert_close(values_at(train(name, "ObservedReward"), -1.0, 1.0), [-1.0, 1.0])


@MOSTLY_PPO
def test_a_reward_one_step_away_is_discounted_once(train, name):
    assert_close(values_at(train(name, "DelayedReward"), 0.0, 1.0), [GAMMA, 1.0], 0.05)


@BOTH
def test_the_better_action_is_found(train, name):
    algo = train(name, "ActionReward")
    logits, values = outputs_at(algo, [0.0])
    assert logits[0, 1] > logits[0, 0] + 2
    assert_close(values, [1.0])


@BOTH
def test_the_action_that_matches_the_observation_is_found(train, name):
    algo = train(name, "ActionObservationReward")
    logits, values = outputs_at(algo, [-1.0, 1.0])
    assert logits.argmax(axis=1).tolist() == [0, 1]
    assert (np.abs(logits[:, 1] - logits[:, 0]) > 2).all()
    assert_close(values, [1.0, 1.0], 0.2)


def test_actions_of_other_environments_would_teach_nothing(train):
    algo = train("A2C", "ActionObservationReward", runner=ActionsOfTheNextStep)
    _, values = outputs_at(algo, [-1.0, 1.0])
    assert (values < 0.6).all()


@MOSTLY_PPO
def test_a_cut_endless_reward_keeps_its_endless_value(train, name):
    algo = train(name, "EndlessReward", updates=330)
    assert_close(values_at(algo, 0.0), [endless()], 0.15)


@MOSTLY_PPO
def test_truncation_taken_for_an_end_gives_the_finite_value(train, name):
    algo = train(name, "EndlessReward", runner=TruncationIsAnEnd, lambda_=0.0)
    # λ = 0: one target in k = 4 is 1, the others 1 + γ V, so V = 1 / (1 - γ·3/4) = 2.5.
    assert_close(values_at(algo, 0.0), [2.5], 0.15)


@MOSTLY_PPO
def test_a_finite_reward_has_the_finite_sums(train, name):
    algo = train(name, "FiniteReward", updates=400)
    steps = np.arange(4)
    expected = (1 - GAMMA ** (4 - steps)) / (1 - GAMMA)
    assert_close(values_at(algo, *(steps / 4)), expected, 0.15)


@BOTH
def test_a_cut_episode_bootstraps_with_its_own_final_observation(train, name):
    algo = train(name, "CutBeforeReward", updates=270)
    assert_close(values_at(algo, -1.0, 1.0), [GAMMA, 1.0])


def test_bootstrapping_with_the_next_start_would_give_another_value(train):
    algo = train("A2C", "CutBeforeReward", runner=BootstrapsWithAStart, updates=270)
    assert_close(values_at(algo, -1.0, 1.0), [0.2 * GAMMA / (1 - 0.8 * GAMMA), 1.0])


@BOTH
@pytest.mark.parametrize("target", [1.0, pytest.param(-0.5, marks=pytest.mark.slow)])
def test_a_continuous_action_settles_at_its_target(train, name, target):
    options = {"env_config": {"target": target}, "updates": 270, "lr": 0.003}
    algo = train(name, "ContinuousTarget", **options)
    (outputs,), _ = outputs_at(algo, [0.0])
    # Actions of [-1, 1] are stretched to the bounds [-2, 2].
    assert_close(2 * outputs[0], target, 0.15)
    assert outputs[1] < -1.0


@pytest.mark.slow
def test_a3c_finds_the_endless_value(train):
    algo = train("A3C", "EndlessReward", updates=400)
    assert_close(values_at(algo, 0.0), [endless()], 0.25)


@pytest.mark.slow
def test_a3c_finds_the_action_that_matches_the_observation(train):
    algo = train("A3C", "ActionObservationReward", updates=400)
    logits, values = outputs_at(algo, [-1.0, 1.0])
    assert logits.argmax(axis=1).tolist() == [0, 1]
    assert_close(values, [1.0, 1.0], 0.2)
