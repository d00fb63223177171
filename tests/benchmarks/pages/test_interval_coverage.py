"""The simulation of intervals: known coverage, the same seed the same numbers."""

import pytest

from rllib_zoo.benchmarks.pages.interval_coverage import SHAPES, coverage


def test_three_normal_scores():
    """The percentile interval is worst to best, which contains the middle 3 times in 4: 1 - 2 / 2³."""
    found = coverage(SHAPES["normal"], 3, experiments=600, resamples=200, seed=1)
    assert found["percentile"] == pytest.approx(75.0, abs=6)
    # Exact for normal scores, from which three nothing is trimmed.
    assert found["Student's t"] > 92
    assert found == coverage(SHAPES["normal"], 3, experiments=600, resamples=200, seed=1)
