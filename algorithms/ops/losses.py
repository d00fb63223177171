"""Losses: small pure functions of tensors of shape [B], B valid steps, all averaged over B.

Reduction: every loss here is a MEAN over steps (a sum in A2C and A3C of older RLlib releases).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def policy_gradient_loss(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """-mean_t[ log π_θ(a_t|s_t) · Â_t ].

    Source: Mnih et al. 2016, section 4 (A3C); course lecture 12, "Actor loss". Advantages are
    constants: no gradient flows into them.

    Args:
        log_probs: log π_θ(a_t|s_t), [B].
        advantages: Â_t, [B].
    """
    require_vectors(log_probs, advantages)
    return -(log_probs * advantages.detach()).mean()


def surrogate_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip_param: float | None
) -> Tensor:
    """-mean_t[ min( r_t Â_t, clip(r_t, 1-ε, 1+ε) Â_t ) ], r_t = π_θ(a_t|s_t) / π_old(a_t|s_t).

    Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", equation 7; with
    ``clip_param`` None equation 6, the unconstrained surrogate; course lecture 12, "PPO-Clip".

    Args:
        log_probs: log π_θ(a_t|s_t), [B].
        old_log_probs: log π_old(a_t|s_t) of the policy that acted, [B], constant.
        advantages: Â_t, [B], constant.
        clip_param: ε > 0, or None for no clipping.
    """
    require_vectors(log_probs, old_log_probs, advantages)
    ratio = torch.exp(log_probs - old_log_probs.detach())
    advantages = advantages.detach()
    if clip_param is None:
        return -(ratio * advantages).mean()
    clipped = ratio.clamp(1.0 - clip_param, 1.0 + clip_param)
    return -torch.minimum(ratio * advantages, clipped * advantages).mean()


def value_loss(values: Tensor, value_targets: Tensor, clip_param: float | None = None) -> Tensor:
    """mean_t[ min( (V_θ(s_t) - V_t^targ)², c ) ].

    Source: Schulman et al. 2017, equation 9 (L^VF, without its coefficient). The bound c is
    RLlib's ``vf_clip_param``: it limits the squared error itself, so steps whose error exceeds
    √c give no gradient. None means no bound.

    Args:
        values: V_θ(s_t), [B].
        value_targets: V_t^targ, [B], constant.
        clip_param: c > 0 or None, in squared units of the return.
    """
    require_vectors(values, value_targets)
    squared_error = (values - value_targets.detach()).square()
    if clip_param is not None:
        squared_error = squared_error.clamp(max=clip_param)
    return squared_error.mean()


def entropy_bonus(entropies: Tensor) -> Tensor:
    """mean_t H[π_θ(·|s_t)] in nats, [B] → scalar; subtracted from the total loss.

    Source: Williams and Peng 1991; Mnih et al. 2016, section 4.
    """
    require_vectors(entropies)
    return entropies.mean()


def kl_penalty(divergences: Tensor) -> Tensor:
    """mean_t KL[π_old(·|s_t), π_θ(·|s_t)] in nats, [B] → scalar.

    Source: Schulman et al. 2017, equation 8 (times β, the ``kl_coeff``).
    """
    require_vectors(divergences)
    return divergences.mean()


@dataclass(frozen=True)
class KLRule:
    """Adaptation of β of the adaptive KL penalty.

    Attributes:
        tolerance: β increases if KL > tolerance · target, and decreases if KL < target / tolerance.
        increase: factor of β in the first case.
        decrease: factor of β in the second.
    """

    tolerance: float
    increase: float
    decrease: float


# Schulman et al. 2017, section 4; and RLlib's PPO.
PAPER_KL_RULE = KLRule(tolerance=1.5, increase=2.0, decrease=0.5)
RLLIB_KL_RULE = KLRule(tolerance=2.0, increase=1.5, decrease=0.5)


def adapted_kl_coeff(
    kl_coeff: float, mean_kl: float, kl_target: float, rule: KLRule = RLLIB_KL_RULE
) -> float:
    """The next β of the adaptive KL penalty (Schulman et al. 2017, section 4).

    Args:
        kl_coeff: β of the last update.
        mean_kl: mean KL divergence after it, in nats.
        kl_target: d_targ.
        rule: the paper's, or RLlib's.
    """
    if mean_kl > rule.tolerance * kl_target:
        return kl_coeff * rule.increase
    if mean_kl < kl_target / rule.tolerance:
        return kl_coeff * rule.decrease
    return kl_coeff


def standardized(advantages: Tensor) -> Tensor:
    """(Â - mean) / max(std, 1e-4), population std, [B].

    Source: Andrychowicz et al. 2021, "What Matters for On-Policy Deep Actor-Critic Methods?",
    appendix B.9; the floor is RLlib's.
    """
    return (advantages - advantages.mean()) / advantages.std(correction=0).clamp(min=1e-4)


def explained_variance(values: Tensor, value_targets: Tensor) -> Tensor:
    """1 - Var[V^targ - V] / Var[V^targ]: 1 is a perfect critic, 0 a constant, below 0 worse."""
    require_vectors(values, value_targets)
    residual = (value_targets - values).var(correction=0)
    return 1.0 - residual / value_targets.var(correction=0).clamp(min=1e-8)


def require_vectors(*tensors: Tensor) -> None:
    """Raises ValueError unless all have the same shape [B]: others would broadcast to [B, B]."""
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(f"expected tensors of equal shape [B], got {sorted(shapes)}")
