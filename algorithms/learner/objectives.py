"""Objectives of the on-policy algorithms: the weighted sum of their losses, and metrics."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.ops import losses
from rllib_zoo.algorithms.ops.distributions import Distribution

Stats = dict[str, Tensor]


@dataclass(frozen=True)
class PPOCoefficients:
    """Weights and bounds of the terms of :func:`ppo_objective`; None disables a bound."""

    clip_param: float | None
    vf_clip_param: float | None
    vf_loss_coeff: float
    entropy_coeff: float
    kl_coeff: float | None


def actor_critic_objective(
    distribution: Distribution,
    dist_inputs_BK: Tensor,
    values_B: Tensor,
    batch: Batch,
    *,
    vf_loss_coeff: float,
    entropy_coeff: float,
) -> tuple[Tensor, Stats]:
    """policy_gradient_loss + c_v · ½ value_loss - c_e · entropy, for A2C and A3C.

    Source: Mnih et al. 2016, section 4 and algorithm S3; the ½ is that of the course's critic loss
    and of the A2C and A3C of older RLlib releases.

    Args:
        dist_inputs_BK: the network's outputs for ``batch.obs``, [B, K].
        values_B: V_θ(s_t), [B].
        batch: valid rows.
        vf_loss_coeff: c_v.
        entropy_coeff: c_e.
    """
    log_probs = distribution.log_prob(dist_inputs_BK, batch.actions)
    policy_loss = losses.policy_gradient_loss(log_probs, batch.advantages)
    critic_loss = 0.5 * losses.value_loss(values_B, batch.value_targets)
    entropy = losses.entropy_bonus(distribution.entropy(dist_inputs_BK))
    total = policy_loss + vf_loss_coeff * critic_loss - entropy_coeff * entropy
    return total, _metrics(total, policy_loss, critic_loss, entropy)


def ppo_objective(
    distribution: Distribution,
    dist_inputs_BK: Tensor,
    values_B: Tensor,
    batch: Batch,
    c: PPOCoefficients,
) -> tuple[Tensor, Stats]:
    """surrogate_loss + c_v · value_loss - c_e · entropy + β · KL.

    Source: Schulman et al. 2017, equations 7 to 9. Arguments as :func:`actor_critic_objective`.
    """
    log_probs = distribution.log_prob(dist_inputs_BK, batch.actions)
    policy_loss = losses.surrogate_loss(
        log_probs, batch.old_log_probs, batch.advantages, c.clip_param
    )
    critic_loss = losses.value_loss(values_B, batch.value_targets, c.vf_clip_param)
    entropy = losses.entropy_bonus(distribution.entropy(dist_inputs_BK))
    total = policy_loss + c.vf_loss_coeff * critic_loss - c.entropy_coeff * entropy
    if c.kl_coeff is not None:
        divergence = losses.kl_penalty(distribution.kl(batch.old_dist_inputs, dist_inputs_BK))
        total = total + c.kl_coeff * divergence
    return total, _metrics(total, policy_loss, critic_loss, entropy)


@torch.no_grad()
def trust_region_stats(
    distribution: Distribution, dist_inputs_BK: Tensor, batch: Batch, clip_param: float | None
) -> Stats:
    """Distance of the new policy from the acting one: mean KL and the fraction of clipped ratios."""
    stats = {"mean_kl_loss": distribution.kl(batch.old_dist_inputs, dist_inputs_BK).mean()}
    if clip_param is not None:
        log_probs = distribution.log_prob(dist_inputs_BK, batch.actions)
        ratio = torch.exp(log_probs - batch.old_log_probs)
        stats["clip_fraction"] = ((ratio - 1.0).abs() > clip_param).float().mean()
    return stats


def _metrics(total: Tensor, policy: Tensor, critic: Tensor, entropy: Tensor) -> Stats:
    return {
        "total_loss": total.detach(),
        "policy_loss": policy.detach(),
        "vf_loss": critic.detach(),
        "entropy": entropy.detach(),
    }
