"""Every loss four ways: literals, a slow version, the derived gradient, the gradient's flow."""

import math

import pytest
import torch

from rllib_zoo.algorithms.ops.losses import (
    adapted_kl_coeff,
    entropy_bonus,
    explained_variance,
    kl_penalty,
    policy_gradient_loss,
    standardized,
    surrogate_loss,
    value_loss,
)

CLIP = 0.2


def vector(*numbers, grad=False):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=grad)


def random_vectors(count, size=101, seed=0):
    stream = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, size, generator=stream, dtype=torch.float64)
    return [row.clone().requires_grad_() for row in rows]


# Every loss with the number of vectors it takes; the first is the only one it may learn from.
LOSSES = {
    "policy_gradient": (policy_gradient_loss, 2),
    "surrogate": (lambda new, old, adv: surrogate_loss(new, old, adv, None), 3),
    "clipped_surrogate": (lambda new, old, adv: surrogate_loss(new, old, adv, CLIP), 3),
    "value": (value_loss, 2),
    "bounded_value": (lambda values, targets: value_loss(values, targets, 1.0), 2),
    "entropy": (entropy_bonus, 1),
    "kl": (kl_penalty, 1),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def slow_policy_gradient(log_probs, advantages):
    """The sum of Mnih et al. 2016, section 4, over its number of steps."""
    pairs = zip(log_probs.tolist(), advantages.tolist(), strict=True)
    terms = [log_prob * advantage for log_prob, advantage in pairs]
    return -sum(terms) / len(terms)


def slow_surrogate(log_probs, old_log_probs, advantages, epsilon):
    """Equation 7 as figure 1 of the PPO paper draws it: a bound on one side per sign."""
    triples = zip(log_probs.tolist(), old_log_probs.tolist(), advantages.tolist(), strict=True)
    total = 0.0
    for new, old, advantage in triples:
        ratio = math.exp(new) / math.exp(old)
        if epsilon is not None and advantage > 0:
            ratio = min(ratio, 1 + epsilon)
        elif epsilon is not None:
            ratio = max(ratio, 1 - epsilon)
        total += ratio * advantage
    return -total / len(log_probs)


def slow_value_loss(values, targets, bound):
    pairs = zip(values.tolist(), targets.tolist(), strict=True)
    return sum(min((value - target) ** 2, bound) for value, target in pairs) / len(values)


# --- literals ------------------------------------------------------------------------------------


def test_policy_gradient_literal():
    # -(-1·2 + -3·(-4)) / 2 = -5
    assert policy_gradient_loss(vector(-1, -3), vector(2, -4)).item() == pytest.approx(-5.0)


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "slope"),
    [
        (1.5, 2.0, 2.4, 0.0),  # above 1 + ε and good: bounded at 1.2·2, nothing more to gain
        (0.5, 2.0, 1.0, 1.0),  # below 1 - ε and good: free, 0.5·2
        (1.5, -2.0, -3.0, -3.0),  # above and bad: free, 1.5·(-2)
        (0.5, -2.0, -1.6, 0.0),  # below and bad: bounded at 0.8·(-2)
        (1.1, 2.0, 2.2, 2.2),  # inside
        (0.9, -2.0, -1.8, -1.8),  # inside
    ],
)
def test_clipping_on_both_sides_and_for_both_signs(ratio, advantage, objective, slope):
    # d(r·A)/d log π = r·A where the surrogate is free, 0 where it is bounded.
    new = vector(math.log(ratio), grad=True)
    loss = surrogate_loss(new, vector(0.0), vector(advantage), CLIP)
    assert loss.item() == pytest.approx(-objective)
    assert torch.autograd.grad(loss, new)[0].item() == pytest.approx(-slope)


def test_without_a_clip_the_ratio_is_free():
    log_ratio = vector(math.log(3.0), math.log(0.1))
    loss = surrogate_loss(log_ratio, vector(0.0, 0.0), vector(2.0, -2.0), None)
    assert loss.item() == pytest.approx(-(6.0 - 0.2) / 2)


def test_value_loss_literals():
    values, targets = vector(1.0, 5.0), vector(0.0, 2.0)
    assert value_loss(values, targets).item() == pytest.approx((1 + 9) / 2)
    assert value_loss(values, targets, 4.0).item() == pytest.approx((1 + 4) / 2)


def test_entropy_and_kl_literals():
    assert entropy_bonus(vector(1.0, 2.0, 6.0)).item() == pytest.approx(3.0)
    assert kl_penalty(vector(1.0, 2.0, 6.0)).item() == pytest.approx(3.0)


# --- slow versions -------------------------------------------------------------------------------


def test_policy_gradient_equals_its_slow_version():
    log_probs, advantages = random_vectors(2)
    expected = slow_policy_gradient(log_probs, advantages)
    assert policy_gradient_loss(log_probs, advantages).item() == pytest.approx(expected)


@pytest.mark.parametrize("epsilon", [None, 0.1, 0.3])
def test_surrogate_equals_its_slow_version(epsilon):
    vectors = random_vectors(3)
    expected = slow_surrogate(*vectors, epsilon)
    assert surrogate_loss(*vectors, epsilon).item() == pytest.approx(expected)


@pytest.mark.parametrize("bound", [None, 0.5, 2.0])
def test_value_loss_equals_its_slow_version(bound):
    values, targets = random_vectors(2)
    expected = slow_value_loss(values, targets, math.inf if bound is None else bound)
    assert value_loss(values, targets, bound).item() == pytest.approx(expected)


# --- gradients -----------------------------------------------------------------------------------


def test_policy_gradient_through_a_softmax():
    # d log softmax(z)_a / dz_j = [j = a] - π_j, so the gradient is -Â ([j = a] - π_j) / B.
    logits, _ = random_vectors(2, size=4)
    advantages, action = vector(1.5), 2
    log_prob = torch.log_softmax(logits, dim=0)[action]
    loss = policy_gradient_loss(log_prob[None], advantages)
    expected = -1.5 * (torch.eye(4, dtype=torch.float64)[action] - torch.softmax(logits, dim=0))
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], expected)


@pytest.mark.parametrize("epsilon", [None, CLIP])
def test_surrogate_gradient(epsilon):
    # d(-r·Â/B)/d log π = -r·Â/B, and 0 where the bound is active.
    new, old, advantages = random_vectors(3)
    loss = surrogate_loss(new, old, advantages, epsilon)
    ratio = torch.exp(new - old)
    free = torch.ones_like(ratio, dtype=torch.bool)
    if epsilon is not None:
        free = torch.where(advantages > 0, ratio < 1 + epsilon, ratio > 1 - epsilon)
        assert 10 < free.sum() < 91
    expected = torch.where(free, -ratio * advantages / len(new), 0.0)
    torch.testing.assert_close(torch.autograd.grad(loss, new)[0], expected.detach())


@pytest.mark.parametrize("bound", [None, 1.0])
def test_value_gradient(bound):
    # d((V - V^targ)²/B)/dV = 2 (V - V^targ)/B, and 0 where the squared error exceeds the bound.
    values, targets = random_vectors(2)
    error = (values - targets).detach()
    free = error.square() < (math.inf if bound is None else bound)
    expected = torch.where(free, 2 * error / len(error), 0.0)
    gradient = torch.autograd.grad(value_loss(values, targets, bound), values)[0]
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("name", ["entropy", "kl"])
def test_entropy_and_kl_give_every_step_the_same_weight(name):
    (numbers,) = random_vectors(1)
    gradient = torch.autograd.grad(LOSSES[name][0](numbers), numbers)[0]
    torch.testing.assert_close(gradient, torch.full_like(gradient, 1 / 101))


@every_loss
def test_gradient_flows_into_the_first_argument_only(name):
    loss, count = LOSSES[name]
    vectors = random_vectors(count)
    loss(*vectors).backward()
    assert vectors[0].grad.abs().sum() > 0
    assert [v.grad for v in vectors[1:]] == [None] * (count - 1)


# --- properties ----------------------------------------------------------------------------------


@every_loss
def test_a_batch_twice_over_has_the_same_loss(name):
    loss, count = LOSSES[name]
    vectors = random_vectors(count)
    twice = [torch.cat([v, v]) for v in vectors]
    torch.testing.assert_close(loss(*twice), loss(*vectors))
    assert loss(*vectors).abs() > 1e-3


@every_loss
def test_shapes_other_than_one_vector_are_refused(name):
    loss, count = LOSSES[name]
    with pytest.raises(ValueError, match=r"equal shape \[B\], got \[\(2, 3\)\]"):
        loss(*[torch.zeros(2, 3)] * count)
    if count > 1:
        with pytest.raises(ValueError, match=r"equal shape \[B\], got \[\(3,\), \(3, 1\)\]"):
            loss(*[torch.zeros(3)] * (count - 1), torch.zeros(3, 1))


@pytest.mark.parametrize(
    ("mean_kl", "expected"), [(0.05, 0.3), (0.0201, 0.3), (0.0199, 0.2), (0.0051, 0.2), (0.0, 0.1)]
)
def test_kl_coefficient_rises_above_twice_the_target_and_falls_below_half(mean_kl, expected):
    assert adapted_kl_coeff(0.2, mean_kl, kl_target=0.01) == pytest.approx(expected)


def test_standardized_has_mean_0_and_population_deviation_1():
    torch.testing.assert_close(standardized(vector(1, 3)), vector(-1, 1))
    (numbers,) = random_vectors(1)
    result = standardized(7 * numbers + 3)
    assert result.mean().item() == pytest.approx(0.0, abs=1e-12)
    assert result.std(correction=0).item() == pytest.approx(1.0)
    torch.testing.assert_close(result, standardized(numbers))


def test_standardized_of_equal_advantages_is_zero():
    assert standardized(vector(5, 5, 5)).tolist() == [0.0, 0.0, 0.0]
    assert standardized(vector(5)).tolist() == [0.0]


def test_explained_variance_of_a_perfect_a_constant_and_an_inverted_critic():
    targets = vector(1, 2, 3, 6)
    assert explained_variance(targets + 4, targets).item() == pytest.approx(1.0)
    assert explained_variance(torch.full_like(targets, 9), targets).item() == pytest.approx(0.0)
    assert explained_variance(-targets, targets).item() == pytest.approx(-3.0)
    # Residuals 0, 0, 0, 2 have variance 3/4, targets 14/4.
    half = explained_variance(vector(1, 2, 3, 4), targets).item()
    assert half == pytest.approx(1 - 0.75 / 3.5)
