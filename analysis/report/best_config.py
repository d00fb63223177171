"""The winner of a sweep as a config file, and the command that trains it on seeds that the sweep had not."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml

from rllib_zoo.analysis.files.pieces import START
from rllib_zoo.analysis.results import STOP, Results
from rllib_zoo.analysis.scoring.verdict import estimate_text
from rllib_zoo.analysis.summary import Summary

NAME = "best.yaml"
# The winner's score is too high: it was the highest of many, by luck as well. Fresh seeds are not.
SEEDS = 10
HEAD = """# The best settings of a sweep, written by `rllib report`. The best of {groups} groups was lucky as
# well, so its score is too high: train it on seeds that the sweep had not.
#   {command}
"""


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
        name = f"best-{algorithm}-{env}".lower().replace("/", "-").replace(" ", "-")
        experiments[name] = _experiment(algorithm, results.configs[own[0]])
        comments.append(f"# {env}: {ranking[0]}: {estimate_text(verdict.estimates[ranking[0]])}\n")
    if not experiments:
        return "", ""
    first = _fresh_seed(results.runs["seed"])
    command = shlex.join(
        ["rllib", "train", "file", NAME, "--seeds", f"{first}-{first + SEEDS - 1}"]
    )
    groups = max(map(len, summary.sweeps.values()))
    text = HEAD.format(groups=groups, command=command) + "".join(comments)
    return text + yaml.safe_dump(experiments, sort_keys=False, allow_unicode=True), command


def _fresh_seed(seeds: pd.Series) -> int:
    """The first integer above every seed."""
    return 1 + max((int(seed) for seed in seeds if isinstance(seed, int | float)), default=-1)


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
    entry = {"env": flat.get("env"), "run": algorithm, "stop": stop, "config": config}
    return entry | ({} if budget is None else {"time_budget_s": budget})
