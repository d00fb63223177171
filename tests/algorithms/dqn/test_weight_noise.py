"""Noise in weights: what it adds, what it leaves, and how it adapts."""

import math

import pytest
import torch
from algorithm_fixtures import SMALL_DQN
from torch import nn

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.dqn.weight_noise import (
    ADAPTATION,
    NoisyLinear,
    ParameterNoise,
    make_noisy,
    sampled_noise,
)


@pytest.fixture
def x():
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


def test_without_noise_a_noisy_layer_is_its_means(x):
    layer = NoisyLinear(4, 3, sigma0=0.5)
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))


def test_noise_is_the_factorised_one_of_the_paper(x):
    layer = NoisyLinear(4, 3, sigma0=0.5)
    assert layer.sigma_weight.unique().tolist() == [0.25]
    with sampled_noise(layer):
        into, out = layer.noise
        weight = layer.weight + 0.25 * out[:, None] * into[None, :]
        assert torch.allclose(layer(x), x @ weight.T + layer.bias + 0.25 * out)
    assert layer.noise is None


def test_means_and_deviations_learn(x):
    layer = NoisyLinear(4, 3, sigma0=0.5)
    with sampled_noise(layer):
        layer(x).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())
    assert len(list(layer.parameters())) == 4


def test_every_linear_layer_becomes_noisy():
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 2)))
    make_noisy(network, 0.4)
    kinds = [type(m) for m in network.modules() if isinstance(m, nn.Linear)]
    assert kinds == [NoisyLinear, NoisyLinear]


def test_parameter_noise_leaves_the_weights_as_they_were(x):
    network = nn.Linear(4, 2)
    before, noise = network.weight.clone(), ParameterNoise(0.5)
    with noise.applied_to(network):
        first = network(x)
    with noise.applied_to(network):
        assert torch.equal(network(x), first)
    assert torch.equal(network.weight, before)
    noise.reset()
    with noise.applied_to(network):
        assert not torch.equal(network(x), first)


@pytest.mark.parametrize(("epsilon", "factor"), [(0.9, ADAPTATION), (1e-6, 1 / ADAPTATION)])
def test_the_deviation_follows_the_distance_of_epsilon_greedy(epsilon, factor):
    clean, noisy = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.0]])
    p, q = torch.softmax(clean, -1), torch.softmax(noisy, -1)
    distance = float((p * (p / q).log()).sum())
    assert (distance <= -math.log(1 - epsilon + epsilon / 2)) == (factor > 1)
    noise = ParameterNoise(2.0)
    noise.record_distance(clean, noisy, epsilon)
    noise.reset()
    assert noise.stddev == pytest.approx(2.0 * factor)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize(
    "settings",
    [
        {"noisy": True, "sigma0": 0.7},
        {"parameter_noise_stddev": 0.3},
    ],
)
def test_dqn_trains_with_noise(make_algo, settings):
    settings = {**settings, "epsilon": 0.0}
    algo = make_algo(
        config_class("DQN")().update_from_dict({"env": "CartPole-v1", **SMALL_DQN, **settings})
    )
    for _ in range(2):
        result = algo.train()
    assert result["timesteps_total"] >= 600
    module = algo.env_runner.module
    batch = {"obs": torch.zeros(1, 4)}
    if "noisy" in settings:
        learning = algo.learner_group._learner.module["default_policy"]
        first, second = (m for m in learning.af.modules() if isinstance(m, NoisyLinear))
        assert (tuple(first.weight.shape), tuple(second.weight.shape)) == ((8, 16), (2, 8))
        # The deviations have moved from where they began.
        assert (first.sigma_weight - 0.7 / 4).abs().max() > 1e-5
    else:
        assert module.parameter_noise.stddev != 0.3
    values = [module.compute_q_values(batch)["qf_preds"] for _ in range(2)]
    assert torch.equal(*values)
