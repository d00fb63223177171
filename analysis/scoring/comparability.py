"""Which runs may be compared: environments by their signatures, and warnings on lengths and statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rllib_zoo.analysis.results import STOP
from rllib_zoo.analysis.scoring.notices import Notice

_ABSENT = "absent"
# Groups whose median lengths differ by a larger factor did not have the same budget.
DIFFERENT_LENGTH = 1.1
# A lower share of rows read means a thinned curve; the few rows that a restart repeated do not.
THINNED = 0.75
# Names of mean returns in stop rules.
RETURNS = ("episode_return_mean", "episode_reward_mean")


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


def comparable_envs(runs: pd.DataFrame) -> tuple[list[str], list[Notice]]:
    """Environment ids, numbered where runs of one id have different signatures, with their ``variant``.

    Returns:
        the label of every run's environment, and warnings.
    """
    labels, notices = list(runs["env"] + runs["variant"]), []
    for variant, members in runs[runs["variant"] != ""].groupby("variant", sort=True):
        text = f"{len(members)} of {len(runs)} runs are compared only with their like:{variant}"
        notices.append(Notice("runs in other units", text))
    for env, members in runs.groupby("env", sort=True):
        signatures = {
            run: _significant(signature)
            for run, signature in zip(members["run"], members["signature"], strict=True)
            if signature
        }
        unsigned = len(members) - len(signatures)
        if unsigned and len(members) > 1:
            text = (
                f"{unsigned} of {len(members)} runs of {env} have no environment signature: their "
                "environments may differ"
            )
            notices.append(Notice("environments that may differ", text))
        variants: list[dict[str, Any]] = []
        for signature in signatures.values():
            if signature not in variants:
                variants.append(signature)
        if len(variants) < 2:
            continue
        keys = ", ".join(differences({str(i): variant for i, variant in enumerate(variants)}))
        text = f"{env} was run in {len(variants)} variants, which are not compared; they differ in {keys}"
        notices.append(Notice("environments in several variants", text))
        for run, signature in signatures.items():
            labels[run] += f" #{variants.index(signature) + 1}"
    return labels, notices


def _significant(signature: Mapping[str, Any]) -> dict[str, Any]:
    """A signature without empty keys and ``exact_resume``, which older releases recorded."""
    return {key: v for key, v in signature.items() if v is not None and key != "exact_resume"}


def stop_score(config: Mapping[str, Any]) -> float | None:
    """The mean return at which a run's stop rule ends it; None without such a rule, NaN if not a number."""
    for key, value in config.items():
        if key.startswith(STOP) and key.rsplit(".", 1)[-1].rsplit("/", 1)[-1] in RETURNS:
            return float(value) if isinstance(value, int | float) else float("nan")
    return None


def cut_off(runs: pd.DataFrame, configs: Mapping[int, Mapping[str, Any]]) -> list[bool]:
    """Whether a stop rule on a score ended a run, so that its score only shows where it stopped.

    Args:
        runs: see ``Results``; ``configs``: run → flat configuration with its stop rule.
    """
    cut = []
    for run in runs[["run", "ends_on_score", "status", "return_mean"]].to_dict("records"):
        score = stop_score(configs.get(run["run"], {}))
        below = score is not None and run["return_mean"] < score
        cut.append(bool(run["ends_on_score"]) and run["status"] == "done" and not below)
    return cut


def length_warnings(runs: pd.DataFrame) -> list[Notice]:
    """Warnings on comparing scores of runs of different lengths.

    Args:
        runs: with ``environment`` and ``cut_off``.
    """
    notices = []
    for env, members in runs.groupby("environment", sort=True):
        complete = members[~members["short"] & (members["steps"] > 0)]
        if complete["cut_off"].any() and len(complete) > 1:
            text = (
                f"{env}: runs stop when they reach a score, so final scores only show where they "
                "stopped; compare the steps to it (--threshold)"
            )
            notices.append(Notice("scores cut off by a stop rule", text))
            continue
        lengths = complete.groupby("group")["steps"].median()
        if len(lengths) > 1 and lengths.max() > DIFFERENT_LENGTH * lengths.min():
            steps = f"{lengths.min():,.0f} to {lengths.max():,.0f} agent steps"
            text = f"{env}: groups were trained for different lengths ({steps})"
            notices.append(Notice("groups trained for different lengths", text))
    for (env, group), members in runs.groupby(["environment", "group"], sort=True):
        short = int(members["short"].sum())
        if short:
            text = (
                f"{env}, {group}: {short} of {len(members)} runs ended early; their scores count "
                "unchanged, and their curves are drawn separately"
            )
            notices.append(Notice("groups with runs that ended early", text))
    thinned = runs[runs["rows"] < runs["rows_found"] * THINNED]
    if len(thinned):
        rows = f"{int(thinned['rows'].min()):,} of {int(thinned['rows_found'].max()):,}"
        text = (
            f"not all results are read of {len(thinned)} of {len(runs)} runs (as few as {rows}): best "
            "scores and times to a threshold are those of the results read"
        )
        notices.append(Notice("results not read", text))
    return notices


def mean_warnings(runs: pd.DataFrame) -> list[Notice]:
    """A warning for every kind of mean return whose number of episodes is unknown."""
    unknown = runs[runs["window"].isna() & (runs["mean_of"] != "")]
    return [
        Notice(
            "mean returns over an unknown number of episodes",
            f"mean returns of {len(members)} of {len(runs)} runs are RLlib's own, of {kind}",
        )
        for kind, members in unknown.groupby("mean_of", sort=True)
    ]


def run_warnings(runs: pd.DataFrame) -> list[Notice]:
    """A warning for every run with a message or another status than "done"."""
    notices = []
    for run in runs.to_dict("records"):
        status = "" if run["status"] == "done" else f"status {run['status']}"
        if problems := "; ".join(filter(None, (status, run["message"]))):
            seed = "" if run["seed"] is None else f", seed {run['seed']}"
            text = f"run {run['run']} ({run['group']}{seed}): {problems}"
            notices.append(Notice("runs not done, or with a message", text))
    return notices
