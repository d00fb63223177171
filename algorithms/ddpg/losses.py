"""Losses and targets of DDPG: small pure functions of tensors of shape [B], averaged over B.

Sources: Lillicrap et al. 2016, "Continuous control with deep reinforcement learning"; course homework
on CartPole and Pendulum, sections 5 to 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from rllib_zoo.algorithms.ops.losses import require_vectors


def td_targets(rewards: Tensor, discounts: Tensor, next_q: Tensor) -> Tensor:
    """y = R + γ^k Q'(s', μ'(s')), [B]; no gradient flows into it.

    Source: Lillicrap et al. 2016, algorithm 1; homework, section 5.

    Args:
        rewards: R, the discounted sum of the k rewards of the transition, [B].
        discounts: γ^k, or 0 in terminal states; truncated episodes bootstrap, [B].
        next_q: Q'(s', μ'(s')) of the target networks, [B].
    """
    require_vectors(rewards, discounts, next_q)
    return (rewards + discounts * next_q).detach()


def critic_loss(
    q_values: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    huber_threshold: float | None = None,
) -> Tensor:
    """mean_i[ w_i (y_i - Q(s_i, a_i))² ], or the Huber loss of the error.

    Source: Lillicrap et al. 2016, algorithm 1; homework, section 5. Weights: Schaul et al. 2016,
    "Prioritized Experience Replay", section 3.4.

    Args:
        q_values: Q(s, a), [B].
        targets: y, [B], constant.
        weights: w, of prioritized replay, [B]; None: all 1.
        huber_threshold: κ > 0: ½ e² up to |e| = κ, κ (|e| - ½ κ) beyond; None: e².
    """
    require_vectors(q_values, targets)
    errors = targets.detach() - q_values
    if huber_threshold is None:
        losses = errors.square()
    else:
        zeros = torch.zeros_like(errors)
        losses = functional.huber_loss(errors, zeros, reduction="none", delta=huber_threshold)
    return (losses if weights is None else weights * losses).mean()


def actor_loss(q_values: Tensor) -> Tensor:
    """-mean_i Q(s_i, μ(s_i)), [B] → scalar: its gradient is the deterministic policy gradient.

    Source: Lillicrap et al. 2016, equation 6; homework, sections 6 and 7.
    """
    require_vectors(q_values)
    return -q_values.mean()


def l2_penalty(weights: Iterable[Tensor]) -> Tensor:
    """½ Σ w² over weight matrices (Lillicrap et al. 2016, section 7, decay of the critic's)."""
    return 0.5 * torch.stack([weight.square().sum() for weight in weights]).sum()


@torch.no_grad()
def update_targets(targets: Sequence[Tensor], sources: Sequence[Tensor], tau: float) -> None:
    """θ' ← τ θ + (1 - τ) θ' in place; τ = 1 copies (homework, section 8: every 300 updates).

    Source: Lillicrap et al. 2016, algorithm 1.
    """
    if tau == 1.0:
        torch._foreach_copy_(targets, sources)
    else:
        torch._foreach_lerp_(targets, sources, tau)
