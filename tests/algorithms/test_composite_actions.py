"""Learning with actions of several parts: each part gets its own credit."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from rllib_zoo.algorithms.a3c.env_runner import A3CEnvRunner
from rllib_zoo.algorithms.env_runner.evaluation import play_episodes

BATCH = {"num_envs_per_env_runner": 16, "rollout_fragment_length": 10, "seed": 1}
LEARNING = {
    "PPO": {"lr": 0.01, "train_batch_size": 160, "minibatch_size": 80, "num_epochs": 4},
    "A2C": {"lr": 0.01, "train_batch_size": 160},
    "PG": {"lr": 0.01, "train_batch_size": 160, "constant_baseline": True},
    "A3C": {"lr": 0.01, "train_batch_size": None},
}
SPACES = {
    "multidiscrete": (gym.spaces.MultiDiscrete([2, 4]), lambda a: int(a[0] == 1) + int(a[1] == 2)),
    "multibinary": (gym.spaces.MultiBinary(2), lambda a: int(a[0] == 1) + int(a[1] == 0)),
    "nested": (
        gym.spaces.Dict(
            pedal=gym.spaces.Box(-2.0, 2.0, (1,), np.float32),
            gear=gym.spaces.Tuple((gym.spaces.Discrete(3),)),
        ),
        lambda a: max(1.0 - abs(a["pedal"][0] - 1.0), 0.0) + int(a["gear"][0] == 2),
    ),
}


class TwoParts(gym.Env):
    """One step; every part of the action that is right gives up to 1. Best: 2."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, kind):
        self.action_space, self.score = SPACES[kind]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        return np.ones(1, np.float32), float(self.score(action)), True, False, {}


def greedy_return(runner, make_runner, **settings):
    evaluated = make_runner(TwoParts, evaluation=True, **settings)
    evaluated.module.set_state(runner.module.get_state())
    return play_episodes(evaluated, 1, explore=False)[0].episode_return


@pytest.mark.parametrize(
    ("name", "kind", "model"),
    [
        *((name, kind, "dense") for name in ("PPO", "A2C") for kind in SPACES),
        ("PG", "nested", "dense"),
        ("A3C", "nested", "dense"),
        *((name, "nested", "lstm") for name in ("PPO", "A2C", "A3C")),
    ],
)
def test_every_part_is_learned(make_runner, make_learner, update, make_config, name, kind, model):
    network = {"fcnet_hiddens": [8]}
    if model == "lstm":
        network |= {"use_lstm": True, "lstm_cell_size": 8, "max_seq_len": 5}
    common = {**BATCH, "env_config": {"kind": kind}, "model": network}
    settings = {**common, **LEARNING[name], "entropy_coeff": 0.01}
    if name == "A3C":
        config = make_config(name, TwoParts, **settings)
        runner = A3CEnvRunner(config=config, worker_index=1, num_workers=1)
    else:
        runner = make_runner(TwoParts, name=name, **settings)
    learner = make_learner(runner, name, **settings)
    best = 0.0
    for _ in range(12):
        for _ in range(10):
            if name == "A3C":
                weights = learner.module["default_policy"].get_state()
                message = runner.compute_gradients(weights, timestep=0)
                learner.apply_gradient_arrays(message.gradients, timestep=0)
            else:
                update(learner, runner.sample())
                runner.copy_weights(learner.state_tensors())
        best = greedy_return(runner, make_runner, **common)
        if best > 1.8:
            break
    runner.stop()
    assert best > 1.8


def test_the_loss_is_that_of_the_joint_action(make_runner, make_learner, update):
    """PPO's first minibatch: the ratio of whole actions is 1, and the entropy is the sum."""
    settings = {**BATCH, "env_config": {"kind": "nested"}, "train_batch_size": 160}
    settings |= {"minibatch_size": 160, "num_epochs": 1}
    runner = make_runner(TwoParts, name="PPO", **settings)
    rollout = runner.sample()
    stats = update(make_learner(runner, "PPO", **settings), rollout)
    assert stats["mean_kl_loss"] == pytest.approx(0.0, abs=1e-6)
    assert stats["clip_fraction"] == 0.0
    # gear: 3 logits, pedal: mean and log std; components are sorted by key.
    inputs = torch.from_numpy(rollout.dist_inputs)[torch.from_numpy(rollout.mask)]
    gear = torch.distributions.Categorical(logits=inputs[:, :3]).entropy()
    pedal = torch.distributions.Normal(inputs[:, 3], inputs[:, 4].exp()).entropy()
    assert stats["entropy"] == pytest.approx(float((gear + pedal).mean()), rel=1e-5)
