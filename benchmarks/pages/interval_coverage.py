"""How often a 95 % interval contains the true interquartile mean: by method, shape of scores and runs.

`python -m rllib_zoo.benchmarks.pages.interval_coverage` writes `analysis/scoring/interval_coverage.json`,
which reports, tables and `docs/analysis.md` quote.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.scoring.coverage import METHODS, RECORD
from rllib_zoo.analysis.statistics import LEVEL, iqm

RUNS = (2, 3, 4, 5, 7, 10, 20)
EXPERIMENTS, RESAMPLES, SEED = 4_000, 1_000, 0
# Bounds the memory: experiments that are resampled at once.
CHUNK = 100
# Draws for a shape's true interquartile mean; its error is below 0.001 of the scores' spread.
POPULATION = 4_000_000
*BOOTSTRAPS, STUDENT = METHODS

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _bimodal(generator: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Three in ten runs fail: around 0, the others around 1."""
    return (generator.random(size) > 0.3) + generator.normal(0.0, 0.1, size)


SHAPES: Mapping[str, Draw] = {
    "normal": lambda generator, size: generator.normal(size=size),
    "skewed (exponential)": lambda generator, size: generator.exponential(size=size),
    "bimodal (3 of 10 runs fail)": _bimodal,
    "heavy tails (Student's t, 2 degrees)": lambda generator, size: generator.standard_t(2, size),
}


def intervals(
    samples_ER: np.ndarray, generator: np.random.Generator, resamples: int
) -> dict[str, np.ndarray]:
    """Method → low and high [2, E] of the interquartile mean of every experiment."""

    def statistic(scores_R: np.ndarray, axis: int) -> np.ndarray:
        return stats.trim_mean(scores_R, 0.25, axis=axis)

    ends: dict[str, np.ndarray] = {}
    drawn = None
    for method in BOOTSTRAPS:
        drawn = stats.bootstrap(
            (samples_ER,), statistic, axis=-1, confidence_level=LEVEL, method=method,
            n_resamples=0 if drawn else resamples, bootstrap_result=drawn, rng=generator,
        )  # fmt: skip
        ends[method] = np.array(drawn.confidence_interval)
    # Tukey and McLaughlin 1963: Student's t for a trimmed mean.
    limits = stats.mstats.trimmed_mean_ci(samples_ER, limits=(0.25, 0.25), alpha=1 - LEVEL, axis=-1)
    return ends | {STUDENT: np.array(limits)}


def coverage(
    draw: Draw, runs: int, *, experiments: int = EXPERIMENTS, resamples: int = RESAMPLES, seed: int
) -> dict[str, float]:
    """Method → percent of the experiments whose interval contains the true interquartile mean."""
    generator = np.random.default_rng(seed)
    truth = float(iqm([draw(generator, (POPULATION,))]))
    inside: dict[str, list[np.ndarray]] = {}
    for start in range(0, experiments, CHUNK):
        samples_ER = draw(generator, (min(CHUNK, experiments - start), runs))
        for method, (low_E, high_E) in intervals(samples_ER, generator, resamples).items():
            inside.setdefault(method, []).append((low_E <= truth) & (truth <= high_E))
    return {
        name: round(100 * float(np.concatenate(hits).mean()), 1) for name, hits in inside.items()
    }


def main(argv: list[str] | None = None) -> int:
    """Simulate, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS, help=f"[{EXPERIMENTS}]")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help=f"[{RESAMPLES}]")
    parser.add_argument("--seed", type=int, default=SEED, help=f"[{SEED}]")
    options = vars(parser.parse_args(argv))
    percent: dict[str, dict[str, dict[str, float]]] = {}
    for shape, draw in SHAPES.items():
        for runs in RUNS:
            found = coverage(draw, runs, **options)
            print(f"{shape}, {runs} runs: {found}", flush=True)
            for method, value in found.items():
                percent.setdefault(method, {}).setdefault(shape, {})[str(runs)] = value
    write_json(RECORD, {**options, "level": LEVEL, "percent": percent})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
