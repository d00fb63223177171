"""Advantage estimators: one backward recursion over arrays of shape [T, N].

T is time within a fragment, N the environments stepped together. All functions are pure and use
numpy only. Arrays marked ``_TN`` have shape [T, N]; dtype float32 unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class AdvantageTargets(NamedTuple):
    """Advantages A_t and regression targets of V(s_t) of a rollout, [T, N] each."""

    advantages: Array
    value_targets: Array


def generalized_advantage_estimation(
    rewards_TN: Array,
    values_TN: Array,
    next_values_TN: Array,
    terminated_TN: Array,
    truncated_TN: Array,
    *,
    gamma: float,
    lambda_: float,
) -> AdvantageTargets:
    """GAE(γ, λ): Â_t = δ_t + γλ Â_{t+1}, with δ_t = r_t + γ V(s_{t+1}) - V(s_t).

    Source: Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized Advantage
    Estimation", equations 11, 12 and 16; course lecture 12, "GAE". Value targets are Â_t + V(s_t),
    the λ-return.

    λ = 1 gives n-step advantages, Σ_{k<n} γ^k r_{t+k} + γ^n V(s_{t+n}) - V(s_t) up to the end of the
    episode or fragment (Mnih et al. 2016, section 4); λ = 0 the TD error δ_t.

    Args:
        rewards_TN: r_t, the reward after action a_t.
        values_TN: V(s_t).
        next_values_TN: V of the observation after step t; at an episode's end of its final
            observation, at the fragment's end the bootstrap value.
        terminated_TN: bool; terminal state: V(s_{t+1}) counts as 0.
        truncated_TN: bool; the episode was cut off: bootstraps with V(s_{t+1}), the recursion stops.
        gamma: discount γ in [0, 1].
        lambda_: λ in [0, 1].
    """
    _require_equal_shapes(rewards_TN, values_TN, next_values_TN, terminated_TN, truncated_TN)
    continues_TN = 1.0 - terminated_TN.astype(np.float32)
    carries_TN = continues_TN * (1.0 - truncated_TN.astype(np.float32))
    deltas_TN = rewards_TN + gamma * next_values_TN * continues_TN - values_TN
    advantages_TN = np.empty_like(deltas_TN)
    running_N = np.zeros_like(deltas_TN[0])
    for t in reversed(range(len(deltas_TN))):
        running_N = deltas_TN[t] + (gamma * lambda_) * carries_TN[t] * running_N
        advantages_TN[t] = running_N
    return AdvantageTargets(advantages_TN, advantages_TN + values_TN)


def monte_carlo_returns(
    rewards_TN: Array, terminated_TN: Array, truncated_TN: Array, *, gamma: float
) -> Array:
    """Discounted reward-to-go G_t = r_t + γ G_{t+1}, zero after episode and fragment ends; [T, N].

    Source: Williams 1992 (REINFORCE); course policy-gradient lecture, tip "reward to go". Without
    a critic there is no bootstrap value for the rest of a cut episode: use fragments longer than
    episodes.
    """
    zeros_TN = np.zeros_like(rewards_TN, dtype=np.float32)
    return generalized_advantage_estimation(
        rewards_TN, zeros_TN, zeros_TN, terminated_TN, truncated_TN, gamma=gamma, lambda_=1.0
    ).advantages


def whole_episode_returns(
    rewards_TN: Array, terminated_TN: Array, truncated_TN: Array, mask_TN: Array, *, gamma: float
) -> Array:
    """R(τ) = Σ_{k=1}^{T_n} γ^{k-1} r_k of the episode that each step belongs to; [T, N].

    Source: Williams 1992 (REINFORCE); course policy-gradient lecture, the gradient before its tips,
    where γ is 1. Every action is weighted by all rewards of its episode, also those before it.

    Args:
        rewards_TN: as :func:`monte_carlo_returns`; an episode counts from its first step in the
            fragment to its last, so fragments should hold whole ones.
        terminated_TN: as :func:`monte_carlo_returns`.
        truncated_TN: as :func:`monte_carlo_returns`.
        mask_TN: bool, False where a step was spent on a reset; no episode begins there.
        gamma: discount γ in [0, 1].
    """
    _require_equal_shapes(rewards_TN, terminated_TN, truncated_TN, mask_TN)
    to_go_TN = monte_carlo_returns(rewards_TN, terminated_TN, truncated_TN, gamma=gamma)
    ends_TN = terminated_TN | truncated_TN
    returns_TN = np.empty_like(to_go_TN)
    running_N = np.zeros_like(to_go_TN[0])
    begins_N = np.ones(mask_TN.shape[1], dtype=bool)
    for t in range(len(to_go_TN)):
        running_N = np.where(begins_N, to_go_TN[t], running_N)
        returns_TN[t] = running_N
        begins_N = np.where(mask_TN[t], ends_TN[t], begins_N)
    return returns_TN


def minus_mean(weights_TN: Array, mask_TN: Array) -> Array:
    """Ψ_t - b with the constant b = mean of Ψ over the batch's steps; [T, N].

    Source: course policy-gradient lecture, tip "add a baseline", b ≈ E[R(τ)]. The mean over steps,
    not over episodes, weights long episodes more, as the gradient does. It is estimated from the same
    batch: a bias that vanishes with the batch's size.

    Args:
        weights_TN: of each action: a whole return or a reward-to-go.
        mask_TN: bool, False where a step was spent on a reset; left out of the mean.
    """
    _require_equal_shapes(weights_TN, mask_TN)
    return weights_TN - weights_TN.mean(where=mask_TN)


def _require_equal_shapes(*arrays: Array) -> None:
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"expected arrays of equal shape [T, N], got {sorted(shapes)}")
