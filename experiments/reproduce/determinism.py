"""Whether repeating a run must give bitwise equal results, and if not, why.

The rules are those of the section on determinism in ``docs/design.md``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.schema import ALIASES
from rllib_zoo.analysis.diff.diff import Difference, of_manifests
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance.manifest import (
    LEARNING_FOLDERS,
    SEARCH_PACKAGES,
    code_digest,
    installed_version,
)

# Packages whose version does not affect learning curves.
IRRELEVANT_PACKAGES = ("rllib-zoo", "pandas")
TIME_RULES = ("time_total_s", "time_this_iter_s")
# Fields of both manifests that must be equal → reason.
MUST_BE_EQUAL = {
    "machine": "another machine or system", "threads": "another number of threads",
    "bfloat16": "another number format",
    "environment_signature": "another environment or version of its physics",
}  # fmt: skip
# Settings that must be 0 → reason.
MUST_BE_ZERO = {
    "num_env_runners": "environments run in other processes",
    "num_learners": "learners run in other processes",
    "num_gpus_per_learner": "a GPU sums in no fixed order",
    "num_gpus_per_env_runner": "a GPU sums in no fixed order",
}


def ends_by_time(manifest: Mapping[str, Any]) -> bool:
    """Whether a time limit may have ended the run, so that its length is not reproducible."""
    budget = (manifest.get("request") or {}).get("time_budget_s")
    return budget is not None or any(rule in (manifest.get("stop") or {}) for rule in TIME_RULES)


def reasons_against(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Why learning curves may differ; empty where they must be bitwise equal.

    Args:
        original: manifest of the run, or of its kept curve.
        again: manifest of the run that repeats it.
    """
    seeds = again.get("seeds") or [None]
    reasons = [
        _algorithm_reason(original),
        "no seed was set" if None in seeds else None,
        _resume_reason(original, again),
        _code_reason(original, again),
        *_machine_reasons(original, again),
        *_setting_reasons(original, again),
    ]
    return [reason for reason in reasons if reason is not None]


def differences(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Differences between two manifests, one line each; fields missing in the original are ignored."""
    return [
        f"{d.kind} {d.name}: {d.first} then, {d.second} now" for d in _differences(original, again)
    ]


def _differences(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[Difference]:
    """Differences except in grids, of which the original's manifest resolves only the first value."""
    first, second = (manifest.get("config_given") or {} for manifest in (original, again))
    grids = {ALIASES.get(key, key) for key in first if first[key] != second.get(key)}
    return [
        d
        for d in of_manifests(original, {key: again[key] for key in again if key in original})
        if d.kind != "configuration" or d.name.partition(".")[0] not in grids
    ]


def _algorithm_reason(original: Mapping[str, Any]) -> str | None:
    name = algorithms.canonical(str(original["algorithm"]))
    if name not in algorithms.names():
        return f"{name}: not known to be deterministic"
    return algorithms.descriptor(name).nondeterministic


def _resume_reason(original: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    if again.get("exact_resume"):
        return None
    if original.get("resumed"):
        return "it was resumed, which started new episodes"
    recorded = {"resumed", "manifest_version"} & set(original)
    return None if recorded else "its file does not record whether it was resumed"


def _machine_reasons(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    before, now = original.get("packages") or {}, again.get("packages") or {}
    # What chose a sweep's configurations has no part in training one of them, and what the command of the
    # repetition has imported besides is not part of the original.
    names = sorted(set(before) - {*IRRELEVANT_PACKAGES, *SEARCH_PACKAGES.values()})
    versions = {name: now.get(name) or installed_version(name) for name in names}
    changed = ", ".join(name for name in names if before[name] != versions[name])
    reasons = [f"other versions of {changed}"] if changed else []
    return reasons + [
        why for key, why in MUST_BE_EQUAL.items() if original.get(key) != again.get(key)
    ]


def _setting_reasons(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    resolved = again.get("config_resolved") or {}
    reasons = [f"{key}: {why}" for key, why in MUST_BE_ZERO.items() if _above_zero(again, key)]
    if resolved.get("gym_env_vectorize_mode") == "async":
        reasons.append("gym_env_vectorize_mode async: environments run in other processes")
    if resolved.get("min_time_s_per_iteration"):
        reasons.append("min_time_s_per_iteration: iterations end by time")
    if original.get("config_resolved") is not None:
        changed = [d.name for d in _differences(original, again) if d.kind == "configuration"]
        if changed:
            reasons.append(f"defaults or resources have changed: {', '.join(changed[:3])}")
    return reasons


def _above_zero(again: Mapping[str, Any], key: str) -> bool:
    """Whether a setting is above 0, in any alternative of a grid."""
    value = (again.get("config_given") or {}).get(key)
    if isinstance(value, Mapping):
        return any(alternative > 0 for alternative in value.get("grid_search", [1]))
    return bool((again.get("config_resolved") or {}).get(key))


def _code_reason(original: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    changed = "the training code has changed"
    if original.get("code") is not None:
        return None if original["code"] == again.get("code") else changed
    git = original.get("git") or {}
    if git.get("commit") is None:
        return "its code version is unknown"
    if git.get("dirty"):
        return f"it ran with uncommitted changes to commit {git['commit'][:7]}"
    if again.get("code") != code_digest():
        return changed
    command = ["git", "-C", str(ROOT), "diff", "--quiet", git["commit"], "--", *LEARNING_FOLDERS]
    try:
        process = subprocess.run(command, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "its code version is unknown"
    return None if process.returncode == 0 else f"{changed} since commit {git['commit'][:7]}"
