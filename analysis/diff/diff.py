"""What differs between two runs, and whether their scores differ more than seeds explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from rllib_zoo.analysis.files.trials import mapping
from rllib_zoo.analysis.results import START, STOP, Results, flat, load
from rllib_zoo.analysis.scoring.groups import (
    ABSENT,
    IGNORED_KEYS,
    exact_text,
    texts_of,
)
from rllib_zoo.analysis.scoring.scores import score
from rllib_zoo.analysis.statistics import probability_of_improvement

# Keys of a resolved configuration that do not change learning.
_IGNORED_RESOLVED = (
    *IGNORED_KEYS, "extra_python_environs_for_driver", "extra_python_environs_for_worker",
)  # fmt: skip
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """One difference: its kind, its name and both values."""

    kind: str
    name: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name} is {self.first} in the first, {self.second} in the second"


@dataclass(frozen=True)
class Comparison:
    """The comparison of two runs or groups of runs.

    Attributes:
        differences: in code, packages, machine, environment and configuration after defaults.
        scores: final scores of both, [R] each; empty where environments differ.
        verdict: a sentence on the scores.
    """

    differences: tuple[Difference, ...]
    scores: tuple[np.ndarray, np.ndarray]
    verdict: str


def compare(first: Path, second: Path) -> Comparison:
    """Compare the runs below two folders.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: one has no run with a result, or has several environments or configurations.
    """
    both = [load([folder], max_rows=2_000) for folder in (first, second)]
    for folder, results in zip((first, second), both, strict=True):
        if results.usable.empty:
            raise ValueError(f"{folder} has no run with a result")
        _require_one_group(folder, results)
    runs = [int(results.usable["run"].iloc[0]) for results in both]
    differences = of_manifests(*(r.manifests[run] for r, run in zip(both, runs, strict=True)))
    configs = [r.configs[run] for r, run in zip(both, runs, strict=True)]
    if not any(difference.kind == "configuration" for difference in differences):
        differences += _mappings("configuration", *map(_without_start_and_end, configs))
    differences += _mappings("run", *map(_start_and_end, configs))
    envs = [str(results.usable["env"].iloc[0]) for results in both]
    if envs[0] != envs[1]:
        verdict = f"{envs[0]} and {envs[1]}: scores of different environments are not compared"
        return Comparison(tuple(differences), (np.empty(0), np.empty(0)), verdict)
    horizon = min(float(r.usable["steps"][~r.usable["short"]].min()) for r in both)
    scores = [_scores(results, "final", None) for results in both]
    averages = [_scores(results, "average", horizon) for results in both]
    verdict = f"final scores {_verdict(*scores)}; over the first {horizon:,.0f} steps {_verdict(*averages)}"
    kinds = [" or ".join(sorted(set(results.usable["mean_of"]) - {""})) for results in both]
    if kinds[0] != kinds[1]:
        verdict += f"; mean returns are of {kinds[0]} in the first, of {kinds[1]} in the second"
    return Comparison(tuple(differences), (scores[0], scores[1]), verdict)


def _start_and_end(config: Mapping[str, Any]) -> dict[str, Any]:
    """Stop criteria and the checkpoint that training started from, of ``Results.configs``."""
    return {key: config[key] for key in config if key in START or key.startswith(STOP)}


def _without_start_and_end(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in config.keys() - _start_and_end(config).keys()}


def _require_one_group(folder: Path, results: Results) -> None:
    """Refuse a folder of several environments or configurations.

    Raises:
        ValueError: lists them.
    """
    pairs = zip(results.usable["group"], results.usable["env"], strict=True)
    groups = sorted({f"{group} on {env}" for group, env in pairs})
    if len(groups) > 1:
        raise ValueError(
            f"{folder} has several groups ({', '.join(groups)}); give the folder of one"
        )


def _scores(results: Results, measure: str, until: float | None) -> np.ndarray:
    """One score per run; runs without one are left out."""
    values = [score(curve, measure, until) for _, curve in results.curves.groupby("run")]
    return np.array([value for value in values if not np.isnan(value)])


def of_manifests(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Differences of two manifests in code, packages, machine, environment and configuration."""
    differences = []
    for kind, key in (
        ("code", "git"),
        ("package", "packages"),
        ("machine", "machine"),
        ("environment", "environment_signature"),
        ("configuration", "config_resolved"),
    ):
        differences += _mappings(kind, mapping(first.get(key)), mapping(second.get(key)))
    for key in ("algorithm", "env", "bfloat16", "threads"):
        one, other = first.get(key), second.get(key)
        if one != other:
            differences.append(Difference("run", key, *texts_of([one, other])))
    return differences


def _mappings(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    left, right = flat(first), flat(second)
    return [
        Difference(kind, key, *_texts(left.get(key, ABSENT), right.get(key, ABSENT)))
        for key in sorted({*left, *right})
        if key.partition(".")[0] not in _IGNORED_RESOLVED
        and exact_text(left.get(key, ABSENT)) != exact_text(right.get(key, ABSENT))
    ]


def _texts(first: Any, second: Any) -> list[str]:
    texts = zip((first, second), texts_of([first, second]), strict=True)
    return ["missing" if value is ABSENT else text for value, text in texts]


def _verdict(first: np.ndarray, second: np.ndarray) -> str:
    """Whether scores differ more than seeds explain, by the exact Mann-Whitney test.

    A bootstrap interval of P(first > second) would exclude one half for one in five pairs of equal
    groups of three runs; the exact test shows when there are too few runs.
    """
    if not len(first) or not len(second):
        return "no episode has ended in one of them: nothing to compare"
    means = f"{first.mean():.4g} and {second.mean():.4g} ({len(first)} and {len(second)} runs)"
    smallest = smallest_p(len(first), len(second))
    if smallest > SIGNIFICANT:
        return f"{means}: too few runs to test what seeds explain (at best p = {smallest:.2f})"
    p = stats.mannwhitneyu(first, second, method="auto").pvalue
    higher = float(probability_of_improvement([first], [second]))
    test = f"P(first higher) {higher:.2f}, Mann-Whitney p = {p:.3f}"
    if p <= SIGNIFICANT:
        return f"{means}: they differ more than seeds explain ({test})"
    return f"{means}: seeds may explain the difference ({test})"


def smallest_p(first: int, second: int) -> float:
    """The smallest two-sided p of the exact test: every run of one side beats every one of the other."""
    return 2.0 / comb(first + second, first)
