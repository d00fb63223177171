"""n-step transitions from a rollout, for the replay buffer."""

from __future__ import annotations

import numpy as np
from ray.rllib.policy.sample_batch import SampleBatch

from rllib_zoo.algorithms.env_runner.rollout import Array, Rollout

# Column in addition to RLlib's: γ^k, or 0 if the state after k steps is terminal.
DISCOUNTS = "discounts"


def scaled_rewards(rewards: Array, scale: float, shift: float) -> Array:
    """(r + shift) · scale, any shape; the homework's (r + 8) / 8 is a shift of 8, a scale of 0.125."""
    return (rewards + shift) * scale


def transitions(rollout: Rollout, rewards: Array, *, gamma: float, n_step: int) -> dict[str, Array]:
    """The n-step transition of every step of a rollout.

    R = Σ_{j<k} γ^j r_{t+j}, and the observation after k steps, where k is ``n_step`` or the number of
    steps to the end of the episode or fragment. (Sutton 1988; likewise in older RLlib releases.)

    Args:
        rollout: [T, N], with ``next_obs``.
        rewards: [T, N], scaled.
        gamma: discount.
        n_step: n ≥ 1.

    Returns:
        Columns with one row per unmasked step, by step, then by environment: ``obs``, ``actions``,
        ``rewards`` (R), ``new_obs`` and ``discounts`` (γ^k; 0 if the state after k steps is terminal).
    """
    assert rollout.next_obs is not None
    ends = rollout.terminated | rollout.truncated
    length, mask = len(rollout.mask), rollout.mask
    totals = rewards.astype(np.float32)
    discounts = np.where(rollout.terminated, 0.0, gamma).astype(np.float32)
    last_steps = np.broadcast_to(np.arange(length)[:, None], mask.shape).copy()
    continues = mask & ~ends
    for j in range(1, min(n_step, length)):
        # The sum of step t continues if step t + j is in the same episode and not masked.
        continues[:-j] &= mask[j:]
        continues[-j:] = False
        rows, columns = np.nonzero(continues)
        later = rows + j
        totals[rows, columns] += gamma**j * rewards[later, columns]
        terminal = rollout.terminated[later, columns]
        discounts[rows, columns] = np.where(terminal, 0.0, gamma ** (j + 1))
        last_steps[rows, columns] = later
        continues[rows, columns] = ~ends[later, columns]
    rows, columns = np.nonzero(mask)
    return {
        SampleBatch.OBS: rollout.obs[rows, columns],
        SampleBatch.ACTIONS: rollout.actions[rows, columns],
        SampleBatch.REWARDS: totals[rows, columns],
        SampleBatch.NEXT_OBS: rollout.next_obs[last_steps[rows, columns], columns],
        DISCOUNTS: discounts[rows, columns],
    }
