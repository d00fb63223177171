"""Writes rliable_numbers.json: what rliable 1.2.0 says of fixed matrices.

Run in an environment of its own (rliable does not import beside pandas 3):
`pip install "pandas<3" rliable==1.2.0`, then `python rliable_numbers.py`.
"""

import json
from pathlib import Path

import numpy as np
from rliable import library, metrics

SHAPES = {"one-run-more": (7, 3), "many": (20, 5), "few": (3, 2)}
TAU = np.linspace(-2, 3, 11)
RESAMPLES = 200


def matrix(shape, seed):
    """Scores [R, K] that are not symmetric."""
    return np.random.default_rng(seed).gamma(2.0, size=shape) - 1.0


def aggregates(scores):
    return [
        metrics.aggregate_mean(scores),
        metrics.aggregate_median(scores),
        metrics.aggregate_iqm(scores),
        metrics.aggregate_optimality_gap(scores, gamma=1.0),
    ]


def of(shape):
    first, second = matrix(shape, 1), matrix(shape, 2) + 0.3
    generator = np.random.default_rng(3)
    drawn = []
    for _ in range(RESAMPLES):
        indices = np.stack(
            [generator.integers(shape[0], size=shape[0]) for _ in range(shape[1])], 1
        )
        drawn.append([float(v) for v in aggregates(np.take_along_axis(first, indices, axis=0))])
    _, intervals = library.get_interval_estimates(
        {"a": first},
        lambda x: np.array(aggregates(x)),
        reps=20_000,
        random_state=np.random.RandomState(0),
    )
    return {
        "aggregates": [float(v) for v in aggregates(first)],
        "resampled": drawn,
        "intervals": intervals["a"].tolist(),
        "profile": library.score_distributions(first, TAU).tolist(),
        "improvement": float(metrics.probability_of_improvement(first, second)),
    }


if __name__ == "__main__":
    found = {name: of(shape) for name, shape in SHAPES.items()}
    file = Path(__file__).with_suffix(".json")
    file.write_text(json.dumps({"tau": TAU.tolist(), "shapes": SHAPES, "found": found}) + "\n")
