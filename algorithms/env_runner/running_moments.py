"""Running mean and variance, mergeable over runners."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Names of what is shared, in messages between driver and runners and in checkpoints.
FILTER = "filter"
RETURNS = "returns"


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of a stream of vectors, in float64.

    Merging is exact: Chan, Golub and LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for
    Computing Sample Variances", equations 2.1.
    """

    count: float
    mean: np.ndarray
    squared_deviations: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Moments:
        """Moments of no data."""
        return cls(0.0, np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, batch: np.ndarray) -> Moments:
        """Moments of a batch of vectors, [B, …]."""
        mean = batch.mean(axis=0, dtype=np.float64)
        return cls(float(len(batch)), mean, np.square(batch - mean).sum(axis=0))

    def merged(self, other: Moments) -> Moments:
        """Moments of both streams together."""
        count = self.count + other.count
        if count == 0.0:
            return self
        delta = other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * (other.count / count),
            self.squared_deviations
            + other.squared_deviations
            + np.square(delta) * (self.count * other.count / count),
        )

    def finite(self) -> bool:
        """Whether mean and deviations are numbers."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.squared_deviations).all())

    def std(self) -> np.ndarray:
        """Population standard deviation; 1 before two vectors were seen."""
        if self.count < 2.0:
            return np.ones_like(self.mean)
        return np.sqrt(self.squared_deviations / self.count)


class CommonMoments:
    """Moments that all runners share.

    A runner works with the common moments it was given and collects those of its own new data aside
    (``collected``); the driver merges what all runners collected and gives the result back. So moments
    are the same everywhere, and frozen where nobody collects (evaluation).
    """

    def __init__(self, shape: tuple[int, ...]):
        self.moments = Moments.empty(shape)
        self.collected = Moments.empty(shape)

    @property
    def basis(self) -> Moments:
        """What to normalise with: the common moments, before there are any a runner's own."""
        return self.moments if self.moments.count else self.collected

    def collect(self, batch: np.ndarray) -> None:
        """Put a batch [B, …] aside; B may be 0."""
        if len(batch):
            self.collected = self.collected.merged(Moments.of(batch))

    def take_collected(self) -> Moments:
        """What was collected since the last call."""
        taken, self.collected = self.collected, Moments.empty(self.collected.mean.shape)
        return taken

    def merge(self, collected: Moments) -> None:
        """Add what a runner collected to the common moments."""
        self.moments = self.moments.merged(collected)

    def state(self) -> dict[str, Any]:
        """The common moments, for checkpoints and for other runners."""
        return asdict(self.moments)

    def set_state(self, state: dict[str, Any]) -> None:
        """Replace the common moments."""
        self.moments = Moments(**state)
