"""Environments as they were played: what may be compared, and what must be said of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

_ABSENT = "absent"


class DifferentEnvironmentsError(ValueError):
    """Runs of different environments were to be compared."""


def differences(signatures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Keys on which signatures disagree, each with run → value; empty where all agree.

    Args:
        signatures: run → ``environment_signature`` of its manifest.
    """
    keys = sorted({key for signature in signatures.values() for key in signature})
    found = {}
    for key in keys:
        values = {run: signature.get(key, _ABSENT) for run, signature in signatures.items()}
        if len({repr(value) for value in values.values()}) > 1:
            found[key] = values
    return found


def require_same_environment(
    signatures: Mapping[str, Mapping[str, Any]], *, allow: bool = False
) -> dict[str, dict[str, Any]]:
    """Refuse runs whose environments differ.

    Args:
        signatures: as :func:`differences`.
        allow: the caller was told to compare them all the same.

    Returns:
        The differences that were allowed.

    Raises:
        DifferentEnvironmentsError: names the first key, its values and the runs that have them.
    """
    found = differences(signatures)
    if found and not allow:
        key, values = next(iter(found.items()))
        told = "; ".join(f"{run}: {value!r}" for run, value in values.items())
        raise DifferentEnvironmentsError(
            f"runs of different environments cannot be compared: {key} differs ({told})"
        )
    return found


# Groups whose median lengths differ by more are not of one budget.
DIFFERENT_LENGTH = 1.1
# Rows played again after a restart are left out too; those are few.
THINNED = 0.75


def worlds_of(runs: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What may be compared: environment ids, numbered where one id was played in different ways.

    Returns:
        the world of every run, and a warning for every id that is several worlds.
    """
    worlds, warnings = list(runs["env"]), []
    for env, members in runs.groupby("env", sort=True):
        known = {
            run: _facts(signature)
            for run, signature in zip(members["run"], members["signature"], strict=True)
            if signature
        }
        unsigned = len(members) - len(known)
        if unsigned and len(members) > 1:
            warnings.append(
                f"{unsigned} of {len(members)} runs of {env} have no environment signature: nothing "
                "shows that all played it alike"
            )
        kinds: list[dict[str, Any]] = []
        for signature in known.values():
            if signature not in kinds:
                kinds.append(signature)
        if len(kinds) < 2:
            continue
        told = ", ".join(differences({str(i): kind for i, kind in enumerate(kinds)}))
        warnings.append(
            f"{env} was played in {len(kinds)} ways, which are not compared; they differ in {told}"
        )
        for run, signature in known.items():
            worlds[run] = f"{env} #{kinds.index(signature) + 1}"
    return worlds, warnings


def _facts(signature: Mapping[str, Any]) -> dict[str, Any]:
    """What a signature says of the environment; older ones told what is not of it, and empty keys."""
    return {key: v for key, v in signature.items() if v is not None and key != "exact_resume"}


def length_warnings(runs: pd.DataFrame, worlds: list[str]) -> list[str]:
    """Sentences on what final scores of runs of different lengths can be misread as."""
    found = []
    for world, members in runs.assign(world=worlds).groupby("world", sort=True):
        whole = members[~members["short"] & (members["steps"] > 0)]
        if whole["ends_on_score"].any() and len(whole) > 1:
            found.append(
                f"{world}: runs stop when they reach a score, so final scores say where they stopped; "
                "compare steps to it (--threshold)"
            )
            continue
        lengths = whole.groupby("group")["steps"].median()
        if len(lengths) > 1 and lengths.max() > DIFFERENT_LENGTH * lengths.min():
            told = f"{lengths.min():,.0f} to {lengths.max():,.0f}"
            found.append(f"{world}: groups were trained for different lengths ({told} agent steps)")
    for (world, group), members in runs.assign(world=worlds).groupby(["world", "group"], sort=True):
        short = int(members["short"].sum())
        if short:
            found.append(
                f"{world}, {group}: {short} of {len(members)} runs ended early; their scores count as "
                "they are, and their curves are drawn apart"
            )
    thinned = runs[runs["rows"] < runs["rows_found"] * THINNED]
    if len(thinned):
        rows = f"{int(thinned['rows'].min()):,} of {int(thinned['rows_found'].max()):,}"
        found.append(
            f"{len(thinned)} runs have more results than are read (as few as {rows}): best scores and "
            "first reachings are those of the results read"
        )
    return found


def run_warnings(runs: pd.DataFrame) -> list[str]:
    """A sentence for every run that is not simply done."""
    found = []
    for run in runs.to_dict("records"):
        words = [run["message"]] if run["message"] else []
        if run["status"] != "done":
            words.insert(0, f"status {run['status']}")
        if words:
            found.append(
                f"run {run['run']} ({run['group']}, seed {run['seed']}): {'; '.join(words)}"
            )
    return found
