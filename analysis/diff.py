"""What differs between two runs, in words, and whether their curves differ more than seeds explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.groups import NOT_TELLING, spelt
from analysis.load import Results, flat, load
from analysis.statistics import FEW_RUNS, Estimate, estimate, probability_of_improvement
from analysis.summary import summarise

# Of a resolved configuration: where the run took place, not what it learned.
_PLACE = ("extra_python_environs_for_driver", "extra_python_environs_for_worker", "log_level")


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same: its kind, its name and both values."""

    kind: str
    name: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name} is {self.first} in the first, {self.second} in the second"


@dataclass(frozen=True)
class Comparison:
    """Two runs, or groups of runs, side by side.

    Attributes:
        differences: in code, packages, machine, environment and configuration after defaults.
        scores: final scores of both, [R] each.
        verdict: a sentence on the curves.
    """

    differences: tuple[Difference, ...]
    scores: tuple[np.ndarray, np.ndarray]
    verdict: str


def compare(first: Path, second: Path) -> Comparison:
    """Compare the runs below two folders.

    Raises:
        FileNotFoundError: a folder is not there.
        ValueError: one has no run with a result.
    """
    both = [load([folder], max_rows=2_000) for folder in (first, second)]
    for folder, results in zip((first, second), both, strict=True):
        if results.usable.empty:
            raise ValueError(f"{folder} has no run with a result")
    found = [*_of_manifests(*(_manifest(results) for results in both))]
    given = [results.configs[int(results.usable["run"].iloc[0])] for results in both]
    if not any(difference.kind == "configuration" for difference in found):
        found += _mappings("configuration", *given)
    scores = [
        summarise(results, resamples=100).scores["final"].dropna().to_numpy() for results in both
    ]
    return Comparison(tuple(found), (scores[0], scores[1]), _verdict(scores[0], scores[1]))


def _manifest(results: Results) -> Mapping[str, Any]:
    return results.manifests[int(results.usable["run"].iloc[0])]


def _of_manifests(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    found = []
    for kind, key in (
        ("code", "git"),
        ("package", "packages"),
        ("machine", "machine"),
        ("environment", "environment_signature"),
        ("configuration", "config_resolved"),
    ):
        found += _mappings(kind, first.get(key) or {}, second.get(key) or {})
    for key in ("algorithm", "env", "bfloat16", "threads"):
        if first.get(key) != second.get(key):
            found.append(Difference("run", key, spelt(first.get(key)), spelt(second.get(key))))
    return found


def _mappings(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    left, right = flat(first), flat(second)
    return [
        Difference(kind, key, _spelt(left, key), _spelt(right, key))
        for key in sorted({*left, *right})
        if key.partition(".")[0] not in (*NOT_TELLING, *_PLACE)
        and _spelt(left, key) != _spelt(right, key)
    ]


def _spelt(mapping: Mapping[str, Any], key: str) -> str:
    return spelt(mapping[key]) if key in mapping else "not said"


def _verdict(first: np.ndarray, second: np.ndarray) -> str:
    """Whether final scores differ more than seeds explain: by the interval of P(first > second)."""
    if not len(first) or not len(second):
        return "no episode has ended in one of them: nothing to compare"
    found: Estimate = estimate(probability_of_improvement, [first], [second])
    told = (
        f"final scores {first.mean():.4g} and {second.mean():.4g} "
        f"({len(first)} and {len(second)} runs)"
    )
    if found.runs == 1:
        return f"{told}: one run cannot say what seeds explain"
    interval = (
        f"P(first higher) {found.value:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}"
    )
    doubt = f"; with fewer than {FEW_RUNS} runs take it with care" if found.runs < FEW_RUNS else ""
    if found.low > 0.5 or found.high < 0.5:
        return f"{told}: they differ more than seeds explain ({interval}){doubt}"
    return f"{told}: seeds may explain the difference ({interval}){doubt}"
