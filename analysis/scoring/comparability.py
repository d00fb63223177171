"""Which runs may be compared: environments by their signatures, and warnings on lengths and statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

_ABSENT = "absent"
# Groups whose median lengths differ by a larger factor did not have the same budget.
DIFFERENT_LENGTH = 1.1
# A lower share of rows read means a thinned curve; the few rows that a restart repeated do not.
THINNED = 0.75


class DifferentEnvironmentsError(ValueError):
    """Scores of different environments cannot be compared."""


def differences(signatures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Keys on which signatures differ, each with run → value; empty if all agree.

    Args:
        signatures: run → ``environment_signature`` of its manifest.
    """
    keys = sorted({key for signature in signatures.values() for key in signature})
    differing = {}
    for key in keys:
        values = {run: signature.get(key, _ABSENT) for run, signature in signatures.items()}
        if len({repr(value) for value in values.values()}) > 1:
            differing[key] = values
    return differing


def require_same_environment(
    signatures: Mapping[str, Mapping[str, Any]], *, allow: bool = False
) -> dict[str, dict[str, Any]]:
    """Refuse runs whose environments differ, unless ``allow``.

    Returns:
        The :func:`differences`; empty unless ``allow``.

    Raises:
        DifferentEnvironmentsError: names the first key, its values and the runs that have them.
    """
    differing = differences(signatures)
    if differing and not allow:
        key, values = next(iter(differing.items()))
        listed = "; ".join(f"{run}: {value!r}" for run, value in values.items())
        raise DifferentEnvironmentsError(
            f"runs of different environments cannot be compared: {key} differs ({listed})"
        )
    return differing


def comparable_envs(runs: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Environment ids, numbered where runs of one id have different signatures.

    Returns:
        the label of every run's environment, and warnings.
    """
    labels, warnings = list(runs["env"]), []
    for env, members in runs.groupby("env", sort=True):
        signatures = {
            run: _significant(signature)
            for run, signature in zip(members["run"], members["signature"], strict=True)
            if signature
        }
        unsigned = len(members) - len(signatures)
        if unsigned and len(members) > 1:
            warnings.append(
                f"{unsigned} of {len(members)} runs of {env} have no environment signature: their "
                "environments may differ"
            )
        variants: list[dict[str, Any]] = []
        for signature in signatures.values():
            if signature not in variants:
                variants.append(signature)
        if len(variants) < 2:
            continue
        keys = ", ".join(differences({str(i): variant for i, variant in enumerate(variants)}))
        warnings.append(
            f"{env} was run in {len(variants)} variants, which are not compared; they differ in {keys}"
        )
        for run, signature in signatures.items():
            labels[run] = f"{env} #{variants.index(signature) + 1}"
    return labels, warnings


def _significant(signature: Mapping[str, Any]) -> dict[str, Any]:
    """A signature without empty keys and ``exact_resume``, which older releases recorded."""
    return {key: v for key, v in signature.items() if v is not None and key != "exact_resume"}


def length_warnings(runs: pd.DataFrame, env_labels: Sequence[str]) -> list[str]:
    """Warnings on comparing scores of runs of different lengths."""
    warnings = []
    runs = runs.assign(environment=env_labels)
    for env, members in runs.groupby("environment", sort=True):
        complete = members[~members["short"] & (members["steps"] > 0)]
        if complete["ends_on_score"].any() and len(complete) > 1:
            warnings.append(
                f"{env}: runs stop when they reach a score, so final scores only show where they "
                "stopped; compare the steps to it (--threshold)"
            )
            continue
        lengths = complete.groupby("group")["steps"].median()
        if len(lengths) > 1 and lengths.max() > DIFFERENT_LENGTH * lengths.min():
            steps = f"{lengths.min():,.0f} to {lengths.max():,.0f} agent steps"
            warnings.append(f"{env}: groups were trained for different lengths ({steps})")
    for (env, group), members in runs.groupby(["environment", "group"], sort=True):
        short = int(members["short"].sum())
        if short:
            warnings.append(
                f"{env}, {group}: {short} of {len(members)} runs ended early; their scores count "
                "unchanged, and their curves are drawn separately"
            )
    thinned = runs[runs["rows"] < runs["rows_found"] * THINNED]
    if len(thinned):
        rows = f"{int(thinned['rows'].min()):,} of {int(thinned['rows_found'].max()):,}"
        warnings.append(
            f"{len(thinned)} runs have more results than are read (as few as {rows}): best scores and "
            "times to a threshold are those of the results read"
        )
    return warnings


def mean_warnings(runs: pd.DataFrame) -> list[str]:
    """A warning for every kind of mean return whose number of episodes is unknown."""
    unknown = runs[runs["window"].isna() & (runs["mean_of"] != "")]
    return [
        f"{len(members)} of {len(runs)} runs have RLlib's own mean returns, of {kind}"
        for kind, members in unknown.groupby("mean_of", sort=True)
    ]


def run_warnings(runs: pd.DataFrame) -> list[str]:
    """A warning for every run with a message or another status than "done"."""
    warnings = []
    for run in runs.to_dict("records"):
        status = "" if run["status"] == "done" else f"status {run['status']}"
        if problems := "; ".join(filter(None, (status, run["message"]))):
            seed = "" if run["seed"] is None else f", seed {run['seed']}"
            warnings.append(f"run {run['run']} ({run['group']}{seed}): {problems}")
    return warnings
