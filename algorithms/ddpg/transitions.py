"""From a rollout's rows to transitions that are replayed one by one."""

from __future__ import annotations

import numpy as np
from ray.rllib.policy.sample_batch import SampleBatch

from rllib_zoo.algorithms.env_runner.rollout import Array, Rollout

# Beside RLlib's names of columns: γ^k, or 0 where the task ended.
DISCOUNTS = "discounts"


def scaled_rewards(rewards: Array, scale: float, shift: float) -> Array:
    """(r + shift) · scale, any shape; the homework's (r + 8) / 8 is a shift of 8, a scale of 0.125."""
    return (rewards + shift) * scale


def transitions(rollout: Rollout, rewards: Array, *, gamma: float, n_step: int) -> dict[str, Array]:
    """Every step of a rollout with what followed it n steps later.

    R = Σ_{j<k} γ^j r_{t+j}, and the observation after k steps: k is ``n_step``, less where the
    episode or the fragment ends before. (Sutton 1988; the retired RLlib cut at fragments too.)

    Args:
        rollout: [T, N], with ``next_obs``.
        rewards: [T, N], learned from.
        gamma: discount.
        n_step: n ≥ 1.

    Returns:
        Columns of as many rows as the policy took steps, by step, then by environment: ``obs``,
        ``actions``, ``rewards`` (R), ``new_obs`` and ``discounts`` (γ^k; 0 where the task ended).
    """
    assert rollout.next_obs is not None
    ends = rollout.terminated | rollout.truncated
    length, taken = len(rollout.mask), rollout.mask
    totals = rewards.astype(np.float32)
    discounts = np.where(rollout.terminated, 0.0, gamma).astype(np.float32)
    following = np.broadcast_to(np.arange(length)[:, None], taken.shape).copy()
    going = taken & ~ends
    for j in range(1, min(n_step, length)):
        # Step t goes on where step t + j was played too, in the same episode.
        going[:-j] &= taken[j:]
        going[-j:] = False
        rows, columns = np.nonzero(going)
        later = rows + j
        totals[rows, columns] += gamma**j * rewards[later, columns]
        ended = rollout.terminated[later, columns]
        discounts[rows, columns] = np.where(ended, 0.0, gamma ** (j + 1))
        following[rows, columns] = later
        going[rows, columns] = ~ends[later, columns]
    rows, columns = np.nonzero(taken)
    return {
        SampleBatch.OBS: rollout.obs[rows, columns],
        SampleBatch.ACTIONS: rollout.actions[rows, columns],
        SampleBatch.REWARDS: totals[rows, columns],
        SampleBatch.NEXT_OBS: rollout.next_obs[following[rows, columns], columns],
        DISCOUNTS: discounts[rows, columns],
    }
