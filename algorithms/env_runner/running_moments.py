"""Running mean and variance that can be merged over runners."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Keys of the shared moments, in messages between algorithm and runners and in checkpoints.
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

    def is_finite(self) -> bool:
        """Whether mean and deviations are finite."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.squared_deviations).all())

    def std(self) -> np.ndarray:
        """Population standard deviation; 1 for fewer than two vectors."""
        if self.count < 2.0:
            return np.ones_like(self.mean)
        return np.sqrt(self.squared_deviations / self.count)


class SharedMoments:
    """Moments shared by all runners.

    A runner normalizes with the shared moments and collects those of its new data separately
    (``collected``); the algorithm merges what all runners collected and sends the result back. So
    moments are equal everywhere, and constant where nothing is collected (evaluation).
    """

    def __init__(self, shape: tuple[int, ...]):
        self.moments = Moments.empty(shape)
        self.collected = Moments.empty(shape)

    @property
    def current(self) -> Moments:
        """The moments to normalize with: the shared ones, before the first merge the runner's own."""
        return self.moments if self.moments.count else self.collected

    def collect(self, batch: np.ndarray) -> None:
        """Add a batch [B, …] to the collected moments; B may be 0."""
        if len(batch):
            self.collected = self.collected.merged(Moments.of(batch))

    def take_collected(self) -> Moments:
        """The moments collected since the last call."""
        taken, self.collected = self.collected, Moments.empty(self.collected.mean.shape)
        return taken

    def merge(self, collected: Moments) -> None:
        """Merge a runner's collected moments into the shared ones."""
        self.moments = self.moments.merged(collected)

    def state(self) -> dict[str, Any]:
        """The shared moments, for checkpoints and for other runners."""
        return asdict(self.moments)

    def set_state(self, state: dict[str, Any]) -> None:
        """Replace the shared moments."""
        self.moments = Moments(**state)
