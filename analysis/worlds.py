"""Environments as they were played: what may be compared, and what must be said of runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.signatures import differences


def worlds_of(runs: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What may be compared: environment ids, numbered where one id was played in different ways.

    Returns:
        the world of every run, and a warning for every id that is several worlds.
    """
    worlds, warnings = list(runs["env"]), []
    for env, members in runs.groupby("env", sort=True):
        known = {
            run: sig for run, sig in zip(members["run"], members["signature"], strict=True) if sig
        }
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
