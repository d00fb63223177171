"""Whether a run made again must give the same numbers bit by bit, and if not, why not.

The rules are those of the section on determinism in ``docs/design.md``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.analysis.compare.diff import Difference, of_manifests
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance.manifest import LEARNING_FOLDERS, code_digest
from rllib_zoo.experiments.spec.schema import ALIASES

# Packages whose version cannot change a curve.
HARMLESS = ("rllib-zoo", "pandas")
TIME_RULES = ("time_total_s", "time_this_iter_s")
# Resolved settings → value up to which one process computes alone.
ALONE = {
    "num_env_runners": "environments run in other processes",
    "num_learners": "learners run in other processes",
    "num_gpus_per_learner": "a GPU adds in no fixed order",
    "num_gpus_per_env_runner": "a GPU adds in no fixed order",
}


def ends_by_time(manifest: Mapping[str, Any]) -> bool:
    """Whether a clock may have ended the run, so that its length cannot be made again."""
    budget = (manifest.get("request") or {}).get("time_budget_s")
    return budget is not None or any(rule in (manifest.get("stop") or {}) for rule in TIME_RULES)


def reasons_against(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Why the curves need not be equal bit by bit; empty where equality is promised.

    Args:
        original: manifest of the run, or what was kept of it.
        again: manifest of the run that repeats it, written today or about to be.
    """
    return [
        *_of_algorithm(original, again),
        *_of_circumstances(original, again),
        *_of_settings(original, again),
    ]


def differences(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """What is not as it was, a line each; of a kept run only what it says."""
    return [f"{d.kind} {d.name}: {d.first} then, {d.second} now" for d in _found(original, again)]


def _found(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[Difference]:
    """Differences, but for keys that were a grid: the manifest resolves its first combination alone."""
    first, second = (manifest.get("config_given") or {} for manifest in (original, again))
    one_of_many = {ALIASES.get(key, key) for key in first if first[key] != second.get(key)}
    told = of_manifests(original, {key: again[key] for key in again if key in original})
    return [
        d for d in told if d.kind != "configuration" or d.name.partition(".")[0] not in one_of_many
    ]


def _of_algorithm(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    found, name = [], str(original["algorithm"])
    if name not in algorithms.names():
        found.append(f"{name}: not known to be deterministic")
    elif reason := algorithms.descriptor(name).nondeterministic:
        found.append(reason)
    if any(seed is None for seed in again.get("seeds") or [None]):
        found.append("no seed was set")
    if not again.get("exact_resume") and original.get("resumed"):
        found.append("it was resumed, and its environments started anew then")
    elif not again.get("exact_resume") and not {"resumed", "manifest_version"} & set(original):
        found.append("its file does not say whether it was resumed")
    return found


def _of_circumstances(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    found = []
    if problem := _other_code(original, again):
        found.append(problem)
    packages, todays = original.get("packages") or {}, again.get("packages") or {}
    other = [
        name
        for name in sorted({*packages, *todays} - set(HARMLESS))
        if packages.get(name) != todays.get(name)
    ]
    if other:
        found.append(f"other versions of {', '.join(other)}")
    if original.get("machine") != again.get("machine"):
        found.append("another machine or system")
    for key, words in (("threads", "number of threads"), ("bfloat16", "number format")):
        if original.get(key) != again.get(key):
            found.append(f"another {words}")
    if original.get("environment_signature") != again.get("environment_signature"):
        found.append("the environment is another one")
    return found


def _of_settings(original: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    resolved = again.get("config_resolved") or {}
    found = [f"{key}: {words}" for key, words in ALONE.items() if _above_zero(again, key)]
    if resolved.get("gym_env_vectorize_mode") == "async":
        found.append("gym_env_vectorize_mode async: environments run in other processes")
    if resolved.get("min_time_s_per_iteration"):
        found.append("min_time_s_per_iteration: a clock ends iterations")
    if original.get("config_resolved") is not None:
        changed = [d for d in _found(original, again) if d.kind == "configuration"]
        if changed:
            names = ", ".join(d.name for d in changed[:3])
            found.append(f"defaults or resources have changed: {names}")
    return found


def _above_zero(again: Mapping[str, Any], key: str) -> bool:
    """Whether a number is above 0, in any alternative of a grid."""
    given = (again.get("config_given") or {}).get(key)
    if isinstance(given, Mapping):
        return any(value > 0 for value in given.get("grid_search", [1]))
    return bool((again.get("config_resolved") or {}).get(key))


def _other_code(original: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    """What is to be said where the code that learns is not known to be the same."""
    if original.get("code") is not None:
        return None if original["code"] == again.get("code") else "the code that learns has changed"
    git = original.get("git") or {}
    if git.get("commit") is None:
        return "it is not known which code it ran"
    if git.get("dirty"):
        return f"it ran with uncommitted changes to commit {git['commit'][:7]}"
    if again.get("code") != code_digest():
        return "the code that learns has changed since"
    command = ["git", "-C", str(ROOT), "diff", "--quiet", git["commit"], "--"]
    try:
        done = subprocess.run([*command, *LEARNING_FOLDERS], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "it is not known which code it ran"
    if done.returncode == 0:
        return None
    return f"the code that learns has changed since commit {git['commit'][:7]}"
