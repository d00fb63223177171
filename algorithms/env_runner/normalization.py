"""Observation filter and return normalization, both by running moments that all runners share."""

from __future__ import annotations

import numpy as np

from rllib_zoo.algorithms.env_runner.rollout import Array, Rollout
from rllib_zoo.algorithms.env_runner.running_moments import SharedMoments

# Normalized observations and rewards are clipped to [-CLIP, CLIP].
CLIP = 10.0


class MeanStdFilter(SharedMoments):
    """Observation filter: (x - mean) / (std + 1e-8), clipped to ±10, with running moments."""

    def __call__(self, obs: Array, *, update: bool, valid: Array | None = None) -> Array:
        """Normalize observations [N, …] to float32; ``update`` the moments with the ``valid`` ones."""
        if update:
            self.collect(obs if valid is None else obs[valid])
        moments = self.current
        normalized = (obs - moments.mean) / (moments.std() + 1e-8)
        return np.clip(normalized, -CLIP, CLIP).astype(np.float32)


class ReturnNormalizer(SharedMoments):
    """r / √(Var[R] + 1e-8), clipped to ±10, with R_t = r_t + γ R_{t-1} running through every episode.

    Rewards are scaled and not shifted: their signs, and the best policy, stay. Source: OpenAI
    Baselines' ``VecNormalize``, described in Engstrom et al. 2020, "Implementation Matters in Deep
    Policy Gradients", section 2; there moments are updated every step, here every fragment.
    """

    def __init__(self, num_envs: int, gamma: float):
        super().__init__(())
        self._gamma = gamma
        self.running_returns = np.zeros(num_envs)

    def __call__(self, rollout: Rollout) -> None:
        """Update the moments with a fragment's returns and scale its rewards [T, N], in place."""
        self.collect(self._returns(rollout))
        scaled = rollout.rewards / np.sqrt(np.square(self.current.std()) + 1e-8)
        np.clip(scaled, -CLIP, CLIP, out=rollout.rewards)

    def _returns(self, rollout: Rollout) -> Array:
        """R of every unmasked step, flat; running returns continue in the next fragment."""
        continues = ~(rollout.terminated | rollout.truncated) & rollout.mask
        returns = np.empty(rollout.rewards.shape)
        for t, rewards in enumerate(rollout.rewards):
            self.running_returns = rewards + self._gamma * self.running_returns
            returns[t] = self.running_returns
            self.running_returns = self.running_returns * continues[t]
        return returns[rollout.mask]

    def reset(self) -> None:
        """Start a new episode in every environment."""
        self.running_returns = np.zeros_like(self.running_returns)
