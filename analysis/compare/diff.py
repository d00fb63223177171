"""What differs between two runs, in words, and whether their curves differ more than seeds explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from rllib_zoo.analysis.files.trials import mapping
from rllib_zoo.analysis.load import Results, flat, load
from rllib_zoo.analysis.scoring.groups import NOT_TELLING, spelt
from rllib_zoo.analysis.scoring.scores import score
from rllib_zoo.analysis.statistics import probability_of_improvement

# Of a resolved configuration: where the run took place, not what it learned.
_PLACE = ("extra_python_environs_for_driver", "extra_python_environs_for_worker", "log_level")


SIGNIFICANT = 0.05


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
        scores: final scores of both, [R] each; empty where environments differ.
        verdict: a sentence on the curves.
    """

    differences: tuple[Difference, ...]
    scores: tuple[np.ndarray, np.ndarray]
    verdict: str


def compare(first: Path, second: Path) -> Comparison:
    """Compare the runs below two folders.

    Raises:
        FileNotFoundError: a folder is not there.
        ValueError: one has no run with a result, or holds several environments or configurations.
    """
    both = [load([folder], max_rows=2_000) for folder in (first, second)]
    for folder, results in zip((first, second), both, strict=True):
        if results.usable.empty:
            raise ValueError(f"{folder} has no run with a result")
    found = [*of_manifests(*(_manifest(results) for results in both))]
    given = [results.configs[int(results.usable["run"].iloc[0])] for results in both]
    if not any(difference.kind == "configuration" for difference in found):
        found += _mappings("configuration", *given)
    for folder, results in zip((first, second), both, strict=True):
        _require_one_thing(folder, results)
    envs = [str(results.usable["env"].iloc[0]) for results in both]
    if envs[0] != envs[1]:
        verdict = f"{envs[0]} and {envs[1]}: scores of different environments are not compared"
        return Comparison(tuple(found), (np.empty(0), np.empty(0)), verdict)
    horizon = min(float(r.usable["steps"][~r.usable["short"]].min()) for r in both)
    scores = [_scores(results, "final", None) for results in both]
    averages = [_scores(results, "average", horizon) for results in both]
    verdict = f"final scores {_verdict(*scores)}; over the first {horizon:,.0f} steps {_verdict(*averages)}"
    return Comparison(tuple(found), (scores[0], scores[1]), verdict)


def _require_one_thing(folder: Path, results: Results) -> None:
    """Refuse a folder of several environments or configurations.

    Raises:
        ValueError: names them.
    """
    named = zip(results.usable["group"], results.usable["env"], strict=True)
    kinds = sorted({f"{group} on {env}" for group, env in named})
    if len(kinds) > 1:
        raise ValueError(
            f"{folder} holds several things ({', '.join(kinds)}); name the folder of one"
        )


def _scores(results: Results, measure: str, until: float | None) -> np.ndarray:
    """One score per run; runs without one are left out."""
    values = [score(curve, measure, until) for _, curve in results.curves.groupby("run")]
    return np.array([value for value in values if not np.isnan(value)])


def _manifest(results: Results) -> Mapping[str, Any]:
    return results.manifests[int(results.usable["run"].iloc[0])]


def of_manifests(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Where two manifests say different things of code, packages, machine, worlds and configuration."""
    found = []
    for kind, key in (
        ("code", "git"),
        ("package", "packages"),
        ("machine", "machine"),
        ("environment", "environment_signature"),
        ("configuration", "config_resolved"),
    ):
        found += _mappings(kind, mapping(first.get(key)), mapping(second.get(key)))
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
        and left.get(key) is not right.get(key)
        and _spelt(left, key) != _spelt(right, key)
    ]


def _spelt(mapping: Mapping[str, Any], key: str) -> str:
    return spelt(mapping[key]) if key in mapping else "not said"


def _verdict(first: np.ndarray, second: np.ndarray) -> str:
    """Whether scores differ more than seeds explain: by the exact Mann-Whitney test.

    A bootstrap interval of P(first > second) would exclude one half for every fifth pair of equal
    groups of three runs; the exact test says when so few runs cannot tell.
    """
    if not len(first) or not len(second):
        return "no episode has ended in one of them: nothing to compare"
    told = f"{first.mean():.4g} and {second.mean():.4g} ({len(first)} and {len(second)} runs)"
    most = smallest_p(len(first), len(second))
    if most > SIGNIFICANT:
        return f"{told}: too few runs to say what seeds explain (at best p = {most:.2f})"
    found = stats.mannwhitneyu(first, second, method="auto")
    higher = float(probability_of_improvement([first], [second]))
    words = f"P(first higher) {higher:.2f}, Mann-Whitney p = {found.pvalue:.3f}"
    if found.pvalue <= SIGNIFICANT:
        return f"{told}: they differ more than seeds explain ({words})"
    return f"{told}: seeds may explain the difference ({words})"


def smallest_p(first: int, second: int) -> float:
    """The two-sided p of the exact test where every run of one side beats every one of the other."""
    return 2.0 / comb(first + second, first)
