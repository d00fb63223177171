"""Action distributions against torch.distributions and by counting samples."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import distributions as reference

from rllib_zoo.algorithms.ops.distributions import (
    Bernoulli,
    Categorical,
    DiagonalGaussian,
    Product,
    distribution_for,
)

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_inputs(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=generator(seed))


def as_torch(ours, inputs):
    if isinstance(ours, Categorical):
        return reference.Categorical(logits=inputs)
    if isinstance(ours, Bernoulli):
        return reference.Independent(reference.Bernoulli(logits=inputs), 1)
    mean, log_std = inputs.chunk(2, dim=-1)
    return reference.Independent(reference.Normal(mean, log_std.exp()), 1)


SPACES = gym.spaces
# Of every kind and nested; the keys are not in alphabetical order.
NESTED = SPACES.Dict(
    [
        ("c", SPACES.MultiBinary(2)),
        ("a", SPACES.Tuple((SPACES.Box(-1, 1, (2,)), SPACES.Discrete(3, start=5)))),
        ("b", SPACES.MultiDiscrete([2, 4])),
    ]
)
# Its inputs and actions in the documented order, a, b, c: kind, inputs, columns of the action.
PARTS = (
    (DiagonalGaussian(2), slice(0, 4), slice(0, 2)),
    (Categorical(3), slice(4, 7), 2),
    (Categorical(2), slice(7, 9), 3),
    (Categorical(4), slice(9, 13), 4),
    (Bernoulli(2), slice(13, 15), slice(5, 7)),
)


def each_part(inputs, *others):
    """torch's distributions of the parts, and other inputs' or actions' columns for each."""
    for ours, rows, columns in PARTS:
        kind = rows if others and others[0].shape[-1] == 15 else columns
        yield ours, as_torch(ours, inputs[..., rows]), *(other[..., kind] for other in others)


@pytest.mark.parametrize("lead", [(7,), (3, 4)])
def test_of_independent_parts_everything_is_a_sum(lead):
    ours = distribution_for(NESTED)
    assert ours.num_inputs() == 15
    inputs, other = random_inputs(*lead, 15), random_inputs(*lead, 15, seed=1)
    actions = ours.sample(inputs, ours.noise(lead, generator()))
    assert actions.shape == (*lead, 7)
    assert actions.dtype == torch.float32
    log_prob = sum(theirs.log_prob(action) for _, theirs, action in each_part(inputs, actions))
    torch.testing.assert_close(ours.log_prob(inputs, actions), log_prob, **TOLERANCE)
    entropy = sum(theirs.entropy() for _, theirs in each_part(inputs))
    torch.testing.assert_close(ours.entropy(inputs), entropy, **TOLERANCE)
    divergence = sum(
        reference.kl_divergence(theirs, as_torch(part, theirs_inputs))
        for part, theirs, theirs_inputs in each_part(inputs, other)
    )
    torch.testing.assert_close(ours.kl(inputs, other), divergence, **TOLERANCE)
    modes = [part.mode(inputs[..., rows]) for part, rows, _ in PARTS]
    columns = [mode if mode.dim() > len(lead) else mode[..., None] for mode in modes]
    assert torch.equal(ours.mode(inputs), torch.cat([c.float() for c in columns], -1))


def test_product_literals():
    # A fair bit, a die of [1/4, 3/4], and N(1, 2²) at 3: the numbers of the tests below, added.
    ours = Product([Bernoulli(1), Categorical(2), DiagonalGaussian(1)])
    inputs = torch.tensor([[0.0, 0.0, np.log(3.0), 1.0, np.log(2.0)]], dtype=torch.float32)
    actions = torch.tensor([[1.0, 1.0, 3.0]])
    assert ours.log_prob(inputs, actions).item() == pytest.approx(
        np.log(0.5) + np.log(0.75) - 2.1120857137, rel=1e-6
    )
    assert ours.entropy(inputs).item() == pytest.approx(
        np.log(2.0) + 0.5623351446 + 2.1120857137, rel=1e-6
    )
    assert ours.kl(inputs, torch.zeros(1, 5)).item() == pytest.approx(
        0.1308120359 + 1.3068528194, rel=1e-5
    )


def test_bernoulli_literals():
    # p = 3/4: log p and log(1 - p); H = ln 4 - 3/4·ln 3; KL from a fair bit as of the categorical one.
    logit, ours = torch.tensor([[np.log(3.0)]], dtype=torch.float32), Bernoulli(1)
    assert ours.log_prob(logit, torch.tensor([[1]])).exp().item() == pytest.approx(0.75, rel=1e-6)
    assert ours.log_prob(logit, torch.tensor([[0]])).exp().item() == pytest.approx(0.25, rel=1e-6)
    assert ours.entropy(logit).item() == pytest.approx(0.5623351446, rel=1e-6)
    assert ours.kl(logit, torch.zeros(1, 1)).item() == pytest.approx(0.1308120359, rel=1e-5)


@pytest.mark.parametrize("ours", [Bernoulli(3), distribution_for(NESTED)], ids=["bits", "nested"])
def test_extreme_inputs_give_finite_numbers(ours):
    inputs = torch.full((1, ours.num_inputs()), 80.0)
    for signed in (inputs, -inputs):
        assert torch.isfinite(ours.entropy(signed)).all()
        assert torch.isfinite(ours.log_prob(signed, ours.mode(signed))).all()


def test_bits_and_multidiscrete_samples_have_the_probabilities():
    ours = distribution_for(SPACES.Tuple((SPACES.MultiBinary(2), SPACES.MultiDiscrete([2, 3]))))
    inputs = random_inputs(1, 7).expand(40_000, 7)
    actions = ours.sample(inputs, ours.noise((40_000,), generator()))
    assert actions.dtype == torch.int64
    torch.testing.assert_close(
        actions[:, :2].float().mean(0), inputs[0, :2].sigmoid(), rtol=0, atol=0.01
    )
    for column, logits in ((2, inputs[0, 2:4]), (3, inputs[0, 4:7])):
        share = torch.bincount(actions[:, column]) / 40_000
        torch.testing.assert_close(share, logits.softmax(-1), rtol=0, atol=0.01)


def test_outputs_are_in_rllibs_order():
    """Inputs of a network written for RLlib have the same meaning here."""
    from ray.rllib.models.catalog import MODEL_DEFAULTS, ModelCatalog

    space = SPACES.Dict([(key, NESTED[key]) for key in ("b", "a")])  # RLlib has no MultiBinary
    theirs_class, size = ModelCatalog.get_action_dist(space, MODEL_DEFAULTS, framework="torch")
    ours = distribution_for(space)
    assert ours.num_inputs() == size == 13
    inputs, other = random_inputs(5, 13), random_inputs(5, 13, seed=1)
    theirs = theirs_class(inputs, None)
    torch.testing.assert_close(ours.entropy(inputs), theirs.entropy(), **TOLERANCE)
    divergence = theirs.kl(theirs_class(other, None))
    torch.testing.assert_close(ours.kl(inputs, other), divergence, **TOLERANCE)
    actions = ours.sample(inputs, ours.noise((5,), generator()))
    torch.testing.assert_close(ours.log_prob(inputs, actions), theirs.logp(actions), **TOLERANCE)


FAMILIES = {
    "categorical": (Categorical(5), 5),
    "gaussian": (DiagonalGaussian(3), 6),
    "bits": (Bernoulli(3), 3),
}
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
        (gym.spaces.MultiBinary((2, 3)), Bernoulli, 6),
        (gym.spaces.MultiDiscrete([[2, 3], [4, 5]]), Product, 14),
        (gym.spaces.Dict(a=gym.spaces.Tuple((gym.spaces.Discrete(2),))), Product, 2),
    ],
)
def test_each_space_has_its_distribution(space, kind, num_inputs):
    found = distribution_for(space)
    assert type(found) is kind
    assert found.num_inputs() == num_inputs


@pytest.mark.parametrize("space", [gym.spaces.Text(3), gym.spaces.Sequence(gym.spaces.Discrete(2))])
def test_other_action_spaces_are_refused_by_name(space):
    with pytest.raises(ValueError, match="no action distribution for ") as error:
        distribution_for(space)
    assert str(space) in str(error.value)
