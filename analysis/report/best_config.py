"""The winner of a sweep as a config file, and the command that trains it on seeds that the sweep had not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.best_settings import (
    NAME,
    best_text,
    entry_of,
    name_of,
    train_command,
)
from rllib_zoo.analysis.files.pieces import START
from rllib_zoo.analysis.results import STOP, Results
from rllib_zoo.analysis.scoring.verdict import estimate_text
from rllib_zoo.analysis.summary import Summary


def best_config(results: Results, summary: Summary) -> tuple[str, str]:
    """The file with an experiment per sweep, and the command that trains it; both "" without a sweep.

    Only runs that this project trained: configurations of others are not in its format.
    """
    experiments: dict[str, Any] = {}
    comments = []
    for (env, algorithm), settings in summary.sweeps.items():
        verdict = next((v for v in summary.verdicts if v.place == env), None)
        ranking = [] if verdict is None else [g for g in verdict.estimates if g in settings]
        runs = results.runs[results.runs["group"].isin(ranking[:1])]
        own = [run for run in runs["run"] if results.manifests.get(run)]
        if verdict is None or not own:
            continue
        experiments[name_of(algorithm, env)] = _experiment(algorithm, results.configs[own[0]])
        comments.append(f"{env}: {ranking[0]}: {estimate_text(verdict.estimates[ranking[0]])}")
    if not experiments:
        return "", ""
    number, seeds = max(map(len, summary.sweeps.values())), list(results.runs["seed"])
    return best_text(experiments, comments, number, seeds), train_command(Path(NAME), seeds)


def _experiment(algorithm: str, flat: Mapping[str, Any]) -> dict[str, Any]:
    """An experiment as config files have it, from a flat configuration with its stop rule."""
    stop = {key.removeprefix(STOP): value for key, value in flat.items() if key.startswith(STOP)}
    stop = {key: value for key, value in stop.items() if isinstance(value, int | float)}
    budget = stop.pop("time_budget_s", None)
    config: dict[str, Any] = {}
    for key, value in flat.items():
        if not key.startswith(STOP) and key not in ("env", "seed", START):
            *parents, leaf = key.split(".")
            place = config
            for parent in parents:
                place = place.setdefault(parent, {})
            place[leaf] = value
    return entry_of(algorithm, flat.get("env"), config, stop, budget)
