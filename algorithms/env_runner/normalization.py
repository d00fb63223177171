"""Return normalisation: rewards divided by the running deviation of the discounted return."""

from __future__ import annotations

import numpy as np

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.env_runner.running_moments import CommonMoments

Array = np.ndarray


class ReturnScale(CommonMoments):
    """r / √(Var[R] + 1e-8), clipped to ±10, with R_t = r_t + γ R_{t-1} running through every episode.

    Rewards are scaled and not shifted, so that their signs, and the best policy, stay. Source: OpenAI
    Baselines' ``VecNormalize``, of which it is told in Engstrom et al. 2020, "Implementation Matters in
    Deep Policy Gradients", section 2. There moments grow step by step, here fragment by fragment.
    """

    CLIP = 10.0

    def __init__(self, num_envs: int, gamma: float):
        super().__init__(())
        self._gamma = gamma
        self._running = np.zeros(num_envs)

    def __call__(self, rollout: Rollout) -> None:
        """Collect the returns of a fragment and scale its rewards [T, N], in place."""
        self.collect(self._returns(rollout))
        scaled = rollout.rewards / np.sqrt(np.square(self.basis.std()) + 1e-8)
        np.clip(scaled, -self.CLIP, self.CLIP, out=rollout.rewards)

    def _returns(self, rollout: Rollout) -> Array:
        """R of every step the policy took, in one row; goes on with the next fragment."""
        goes_on = ~(rollout.terminated | rollout.truncated) & rollout.mask
        returns = np.empty(rollout.rewards.shape)
        for t, rewards in enumerate(rollout.rewards):
            self._running = rewards + self._gamma * self._running
            returns[t] = self._running
            self._running = self._running * goes_on[t]
        return returns[rollout.mask]

    def restart(self) -> None:
        """Every running episode begins anew."""
        self._running = np.zeros_like(self._running)

    def running(self) -> Array:
        """R of the running episodes [N], for checkpoints."""
        return self._running.copy()

    def set_running(self, running: Array) -> None:
        """Restore :meth:`running`."""
        self._running = running.copy()


class MeanStdFilter(CommonMoments):
    """(x - mean) / (std + 1e-8), clipped to ±10, with running moments."""

    CLIP = 10.0

    def __call__(
        self, obs: np.ndarray, *, collect: bool, valid: np.ndarray | None = None
    ) -> np.ndarray:
        """Normalise observations [N, …] to float32; ``valid`` [N] bool limits what is collected."""
        if collect:
            self.collect(obs if valid is None else obs[valid])
        basis = self.basis
        normalised = (obs - basis.mean) / (basis.std() + 1e-8)
        return np.clip(normalised, -self.CLIP, self.CLIP).astype(np.float32)
