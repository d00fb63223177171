"""Observation filter: observations by their running mean and deviation."""

from __future__ import annotations

import numpy as np

from rllib_zoo.algorithms.env_runner.running_moments import CommonMoments


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
