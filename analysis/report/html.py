"""The page of a report, as text: tables, figures, provenance."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from rllib_zoo.analysis.draw import CURVE_RESAMPLES
from rllib_zoo.analysis.load import Results
from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.plots.figure_file import Drawn
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.groups import differing_keys, spelt
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import MEASURES
from rllib_zoo.analysis.summary import Summary

SCORE_COLUMNS = {
    "world": "environment",
    "group": "group",
    "runs": "runs",
    "early": "of them ended early",
    "iqm": "IQM",
    "iqm_low": "low",
    "iqm_high": "high",
    "mean": "mean",
    "median": "median",
    "lowest": "lowest run",
    "highest": "highest run",
    "average": "average over training",
    "normalised": "normalised",
    "threshold": "threshold",
    "reached": "runs that reached it",
    "steps_to": "steps to it",
    "seconds_to": "seconds to it",
    "steps": "steps of the shortest",
    "seconds": "seconds",
}
OVERALL_COLUMNS = {
    "group": "group",
    "environments": "environments",
    "runs": "runs",
    "iqm": "IQM",
    "iqm_low": "low",
    "iqm_high": "high",
    "median": "median",
    "median_low": "median low",
    "median_high": "median high",
    "mean": "mean",
    "mean_low": "mean low",
    "mean_high": "mean high",
    "gap": "optimality gap",
    "gap_low": "gap low",
    "gap_high": "gap high",
}
RUN_COLUMNS = (
    "run", "group", "env", "seed", "status", "message", "steps", "seconds", "episodes", "return_mean",
    "experiment", "path",
)  # fmt: skip
# Columns of words, which are set to the left and may break.
WORDS = ("message", "path", "value", "group", "environment", "key", "source")
PACKAGES = ("ray", "torch", "gymnasium", "numpy", "pandas", "scipy", "matplotlib")


def score_rows(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    """The table of scores: heads, and a row per environment and group."""
    return _rows(summary.table, SCORE_COLUMNS)


def overall_rows(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    """The aggregate over environments, likewise."""
    return _rows(summary.overall, OVERALL_COLUMNS)


def _rows(table: pd.DataFrame, heads: Mapping[str, str]) -> tuple[list[str], list[list[Any]]]:
    keys = [key for key in heads if key in table.columns]
    return [heads[key] for key in keys], table[keys].astype(object).to_numpy().tolist()


def page_of(
    results: Results, summary: Summary, drawn: list[Drawn], options: ReportOptions, command: str
) -> str:
    columns, rows = score_rows(summary)
    differing_columns, differing = _differing(results)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
    )
    environment.filters["cell"] = tables.cell
    return environment.get_template("report.html.j2").render(
        words=WORDS,
        title=options.title,
        runs=results.runs,
        usable=len(results.usable),
        measure_words=MEASURES[options.measure],
        resamples=options.resamples,
        seed=options.seed,
        warnings=summary.warnings,
        score_columns=columns,
        score_rows=rows,
        overall=overall_rows(summary),
        curve_resamples=min(options.resamples, CURVE_RESAMPLES),
        references=_references(results),
        figures=drawn,
        run_columns=RUN_COLUMNS,
        run_rows=results.runs[list(RUN_COLUMNS)].astype(object).to_numpy().tolist(),
        differing_columns=differing_columns,
        differing=differing,
        command=command,
        provenance=_provenance(results),
    )


def _references(results: Results) -> list[tuple[str, float, float, str, str]]:
    """What "normalised" means on the environments of the page."""
    return [
        (env, found.random, found.target, found.target_is, found.source)
        for env, found in REFERENCE_SCORES.items()
        if env in set(results.usable["env"])
    ]


def _differing(results: Results) -> tuple[list[str], list[list[str]]]:
    """Keys that are not the same in all groups, and their value in each group."""
    firsts = results.runs.drop_duplicates(["group", "env"])
    configs = [results.configs[run] for run in firsts["run"]]
    heads = [f"{g} on {e}" for g, e in zip(firsts["group"], firsts["env"], strict=True)]
    rows = [
        [key, *(spelt(config[key]) if key in config else "default" for config in configs)]
        for key in differing_keys(configs)
    ]
    return ["key", *heads], rows


def _provenance(results: Results) -> list[tuple[str, str]]:
    """Commits, machines and packages the runs name, and those the page was made with."""
    commits, machines, packages = set(), set(), set()
    for manifest in results.manifests.values():
        git, machine = manifest.get("git") or {}, manifest.get("machine") or {}
        if git.get("commit"):
            commits.add(str(git["commit"])[:10] + (" with changes" if git.get("dirty") else ""))
        if machine:
            machines.add(f"{machine.get('cpu')}, {machine.get('cores')} cores")
        packages |= {
            f"{k} {v}" for k, v in (manifest.get("packages") or {}).items() if v != "absent"
        }
    made_with = [f"{name} {_version(name)}" for name in PACKAGES]
    return [
        ("commits of the runs", ", ".join(sorted(commits)) or "unknown"),
        ("machines of the runs", "; ".join(sorted(machines)) or "unknown"),
        ("packages of the runs", ", ".join(sorted(packages)) or "unknown"),
        ("page made with", ", ".join([f"python {platform.python_version()}", *made_with])),
    ]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
