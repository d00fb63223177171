"""Options of a report and their defaults; imports no pandas, so that ``rllib --help`` is quick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MEASURE = "final"
RESAMPLES = 10_000
SEED = 0


@dataclass(frozen=True)
class ReportOptions:
    """The options of ``rllib report``.

    Attributes:
        measure: the score of a run, a key of ``scores.MEASURES``.
        thresholds: environment → raw return; the time to reach it is measured.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        title: of the page.
        baseline: group to compare the others with, for ablations.
        formats: the readers to use, keys of ``registry.READERS``; none: all, by what is in the files.
        compare_labelled: also compare runs whose returns or steps are another quantity.
    """

    measure: str = MEASURE
    thresholds: Mapping[str, float] = field(default_factory=dict)
    seed: int = SEED
    resamples: int = RESAMPLES
    title: str = "Comparison of runs"
    baseline: str | None = None
    formats: tuple[str, ...] = ()
    compare_labelled: bool = False
