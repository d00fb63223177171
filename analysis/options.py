"""What a report does unless it is told otherwise; the command reads it without loading pandas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A key of ``scores.MEASURES``.
MEASURE = "final"
# Of the bootstrap.
RESAMPLES = 10_000
SEED = 0


@dataclass(frozen=True)
class ReportOptions:
    """What a report may be asked.

    Attributes:
        measure: what runs are judged by, a key of ``scores.MEASURES``.
        thresholds: environment → return whose first reaching is timed.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        title: of the page.
        baseline: group that the others are compared with, for ablations.
    """

    measure: str = MEASURE
    thresholds: Mapping[str, float] = field(default_factory=dict)
    seed: int = SEED
    resamples: int = RESAMPLES
    title: str = "Comparison of runs"
    baseline: str | None = None
