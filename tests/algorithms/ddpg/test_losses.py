"""DDPG's losses against numbers worked out by hand."""

import pytest
import torch
from torch import tensor

from rllib_zoo.algorithms.ddpg.losses import (
    actor_loss,
    critic_loss,
    l2_penalty,
    td_targets,
    update_targets,
)


def test_targets_bootstrap_after_a_cut_and_not_after_an_end():
    # γ = 0.9: a step in the middle or before a time limit, and one at which the task ended.
    found = td_targets(tensor([1.0, 1.0]), tensor([0.9, 0.0]), tensor([10.0, 10.0]))
    torch.testing.assert_close(found, tensor([10.0, 1.0]))


def test_no_gradient_flows_into_targets():
    next_q = tensor([2.0], requires_grad=True)
    assert not td_targets(tensor([0.0]), tensor([1.0]), next_q).requires_grad


def test_critic_loss_is_the_mean_squared_error_and_its_gradient():
    q_values = tensor([1.0, 5.0], requires_grad=True)
    loss = critic_loss(q_values, tensor([3.0, 4.0]))
    loss.backward()
    assert loss.item() == pytest.approx((4.0 + 1.0) / 2)
    torch.testing.assert_close(q_values.grad, tensor([-2.0, 1.0]))


def test_weights_of_prioritized_replay_weigh_each_error():
    found = critic_loss(tensor([1.0, 5.0]), tensor([3.0, 4.0]), weights=tensor([0.5, 1.0]))
    assert found.item() == pytest.approx((0.5 * 4.0 + 1.0) / 2)


def test_huber_is_quadratic_near_and_linear_far():
    found = critic_loss(tensor([0.0, 0.0]), tensor([1.0, 10.0]), huber_threshold=2.0)
    assert found.item() == pytest.approx((0.5 + 2.0 * (10.0 - 1.0)) / 2)


def test_actor_loss_rises_as_its_actions_are_worth_less():
    assert actor_loss(tensor([1.0, 3.0])).item() == -2.0


def test_l2_penalty_is_half_the_sum_of_squares():
    assert l2_penalty([tensor([[1.0, 2.0]]), tensor([[3.0]])]).item() == 7.0


@pytest.mark.parametrize(("tau", "expected"), [(0.25, 1.0), (1.0, 4.0)])
def test_targets_follow_or_are_copied(tau, expected):
    target, source = torch.zeros(2), torch.full((2,), 4.0)
    update_targets([target], [source], tau)
    torch.testing.assert_close(target, torch.full((2,), expected))


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"shape \[B\]"):
        critic_loss(torch.zeros(3, 1), torch.zeros(3))
