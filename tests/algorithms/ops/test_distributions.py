"""Action distributions against torch.distributions and by counting samples."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import distributions as reference

from rllib_zoo.algorithms.ops.distributions import Categorical, DiagonalGaussian, distribution_for

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_inputs(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=generator(seed))


def as_torch(ours, inputs):
    if isinstance(ours, Categorical):
        return reference.Categorical(logits=inputs)
    mean, log_std = inputs.chunk(2, dim=-1)
    return reference.Independent(reference.Normal(mean, log_std.exp()), 1)


FAMILIES = {"categorical": (Categorical(5), 5), "gaussian": (DiagonalGaussian(3), 6)}
both = pytest.mark.parametrize("family", FAMILIES)


@both
@pytest.mark.parametrize("lead", [(7,), (3, 4)])
def test_log_prob_entropy_and_kl_equal_those_of_torch(family, lead):
    ours, size = FAMILIES[family]
    inputs, other = random_inputs(*lead, size), random_inputs(*lead, size, seed=1, scale=1.0)
    theirs = as_torch(ours, inputs)
    torch.manual_seed(0)
    actions = theirs.sample()
    torch.testing.assert_close(
        ours.log_prob(inputs, actions), theirs.log_prob(actions), **TOLERANCE
    )
    torch.testing.assert_close(ours.entropy(inputs), theirs.entropy(), **TOLERANCE)
    divergence = reference.kl_divergence(theirs, as_torch(ours, other))
    torch.testing.assert_close(ours.kl(inputs, other), divergence, **TOLERANCE)
    assert ours.kl(inputs, other).shape == lead


@both
def test_kl_of_a_distribution_from_itself_is_zero_and_else_positive(family):
    ours, size = FAMILIES[family]
    inputs, other = random_inputs(50, size), random_inputs(50, size, seed=1)
    torch.testing.assert_close(ours.kl(inputs, inputs), torch.zeros(50), rtol=0, atol=1e-6)
    assert (ours.kl(inputs, other) > 1e-3).all()


def test_categorical_literals():
    # softmax of [0, ln 3] is [1/4, 3/4]; H = ln 4 - 3/4·ln 3 = 0.562335
    logits = torch.tensor([[0.0, np.log(3.0)]], dtype=torch.float32)
    ours = Categorical(2)
    for action, probability in ((0, 0.25), (1, 0.75)):
        value = ours.log_prob(logits, torch.tensor([action])).exp()
        assert value.item() == pytest.approx(probability, rel=1e-6)
    assert ours.entropy(logits).item() == pytest.approx(0.5623351446, rel=1e-6)
    # KL from the uniform one: 3/4·ln(3/2) + 1/4·ln(1/2) = 0.130812
    assert ours.kl(logits, torch.zeros(1, 2)).item() == pytest.approx(0.1308120359, rel=1e-5)


def test_gaussian_literals():
    # N(1, 2²) at 3: -½·1 - ln 2 - ½ ln 2π = -2.112086; H = ½ ln(2πe·4) = 2.112086
    inputs = torch.tensor([[1.0, np.log(2.0)]], dtype=torch.float32)
    ours = DiagonalGaussian(1)
    log_prob = ours.log_prob(inputs, torch.tensor([[3.0]]))
    assert log_prob.item() == pytest.approx(-2.1120857137, rel=1e-6)
    assert ours.entropy(inputs).item() == pytest.approx(2.1120857137, rel=1e-6)
    # KL from N(0, 1): ln(1/2) + (4 + 1)/2 - 1/2 = 1.306853
    assert ours.kl(inputs, torch.zeros(1, 2)).item() == pytest.approx(1.3068528194, rel=1e-6)


def test_categorical_samples_come_as_often_as_their_probability():
    inputs, count = random_inputs(1, 5, scale=1.0), 40_000
    ours = Categorical(5)
    actions = ours.sample(inputs, ours.noise((count,), generator()))
    assert actions.dtype == torch.int64
    frequencies = torch.bincount(actions, minlength=5) / count
    probabilities = torch.softmax(inputs[0], dim=-1)
    # Four standard deviations of a frequency: 4·sqrt(p(1-p)/n) ≤ 0.01.
    torch.testing.assert_close(frequencies, probabilities, rtol=0, atol=0.01)


def test_gaussian_samples_have_the_means_and_standard_deviations_asked_for():
    inputs = torch.tensor([1.0, -2.0, 0.0, np.log(2.0), np.log(0.5), 0.0], dtype=torch.float32)
    ours, count = DiagonalGaussian(3), 40_000
    actions = ours.sample(inputs, ours.noise((count,), generator()))
    assert actions.shape == (count, 3)
    stds = inputs[3:].exp()
    # Four standard errors: 4·σ/sqrt(n) = 0.02·σ for the mean, less for the standard deviation.
    assert ((actions.mean(0) - inputs[:3]).abs() < 0.02 * stds).all()
    assert ((actions.std(0) - stds).abs() < 0.02 * stds).all()
    correlations = torch.corrcoef(actions.T) - torch.eye(3)
    assert correlations.abs().max() < 0.02


@both
def test_one_generator_seed_gives_one_stream_and_another_seed_another(family):
    ours, size = FAMILIES[family]
    inputs = random_inputs(64, size, scale=0.1)

    def two_draws(seed):
        stream = generator(seed)
        return [ours.sample(inputs, ours.noise((64,), stream)) for _ in range(2)]

    first, again, other = two_draws(3), two_draws(3), two_draws(4)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


@both
def test_the_mode_is_the_most_probable_action(family):
    ours, size = FAMILIES[family]
    inputs = random_inputs(64, size)
    at_mode = ours.log_prob(inputs, ours.mode(inputs))
    for seed in range(20):
        sample = ours.sample(inputs, ours.noise((64,), generator(seed)))
        assert (ours.log_prob(inputs, sample) <= at_mode + 1e-6).all()
    assert (ours.log_prob(inputs, sample) < at_mode).any()


def test_very_unlikely_actions_keep_finite_numbers():
    logits = torch.tensor([[500.0, -500.0]])
    ours = Categorical(2)
    assert ours.log_prob(logits, torch.tensor([1])).item() == pytest.approx(-1_000.0)
    assert ours.entropy(logits).item() == 0.0
    assert ours.kl(logits, -logits).item() == pytest.approx(1_000.0)


@pytest.mark.parametrize(
    ("space", "kind", "num_inputs"),
    [
        (gym.spaces.Discrete(4), Categorical, 4),
        (gym.spaces.Discrete(3, start=-1), Categorical, 3),
        (gym.spaces.Box(-1, 1, (2,)), DiagonalGaussian, 4),
        (gym.spaces.Box(-1, 1, (2, 3)), DiagonalGaussian, 12),
    ],
)
def test_each_space_has_its_distribution(space, kind, num_inputs):
    found = distribution_for(space)
    assert type(found) is kind
    assert found.num_inputs() == num_inputs


@pytest.mark.parametrize("space", [gym.spaces.MultiBinary(3), gym.spaces.MultiDiscrete([2, 3])])
def test_other_action_spaces_are_refused_by_name(space):
    with pytest.raises(ValueError, match="no action distribution for Multi") as error:
        distribution_for(space)
    assert str(space) in str(error.value)
