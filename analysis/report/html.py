"""The HTML page of a report: tables, figures, provenance."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from rllib_zoo.analysis.draw import CURVE_RESAMPLES
from rllib_zoo.analysis.load import Results
from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.plots.figure_file import FigureImage
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.groups import ABSENT, differing_keys, texts_of
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.scores import MEASURES
from rllib_zoo.analysis.summary import Summary

SCORE_COLUMNS = (
    "environment", "group", "runs", "early", "window", "iqm", "iqm_low", "iqm_high", "mean", "median",
    "lowest", "highest", "average", "normalised", "threshold", "reached", "steps_to", "seconds_to",
    "steps", "seconds",
)  # fmt: skip
# Columns whose heading is not their name.
HEADINGS = {
    "early": "of them ended early", "window": "episodes in a mean",
    "iqm": "IQM", "iqm_low": "low", "iqm_high": "high",
    "lowest": "lowest run", "highest": "highest run", "average": "average over training",
    "reached": "runs that reached it", "steps_to": "steps to it", "seconds_to": "seconds to it",
    "steps": "steps of the shortest", "gap": "optimality gap",
}  # fmt: skip
RUN_COLUMNS = (
    "run", "group", "env", "seed", "status", "message", "steps", "seconds", "episodes", "return_mean",
    "mean_of", "experiment", "path",
)  # fmt: skip
# Columns of text, aligned left, with line breaks.
TEXT_COLUMNS = ("message", "mean_of", "path", "value", "group", "environment", "key", "source")
PACKAGES = ("ray", "torch", "gymnasium", "numpy", "pandas", "scipy", "matplotlib")
# Headings and rows.
Table = tuple[list[str], list[list[Any]]]


def score_rows(summary: Summary) -> Table:
    """The table of scores, a row per environment and group."""
    return _table(summary.table, [key for key in SCORE_COLUMNS if key in summary.table.columns])


def overall_rows(summary: Summary) -> Table:
    """The table of the aggregate over environments, a row per group."""
    return _table(summary.overall, list(summary.overall.columns))


def _table(table: pd.DataFrame, keys: list[str]) -> Table:
    headings = [HEADINGS.get(key, key.replace("_", " ")) for key in keys]
    return headings, table[keys].astype(object).to_numpy().tolist()


def page_of(
    results: Results,
    summary: Summary,
    images: list[FigureImage],
    options: ReportOptions,
    command: str,
) -> str:
    """The page as text; it refers to no other file."""
    columns, rows = score_rows(summary)
    differing_columns, differing = _differing(results)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
    )
    environment.filters["cell"] = tables.cell
    return environment.get_template("report.html.j2").render(
        text_columns=TEXT_COLUMNS,
        title=options.title,
        runs=results.runs,
        usable=len(results.usable),
        measure=MEASURES[options.measure],
        resamples=options.resamples,
        seed=options.seed,
        warnings=summary.warnings,
        score_columns=columns,
        score_rows=rows,
        overall=overall_rows(summary),
        curve_resamples=min(options.resamples, CURVE_RESAMPLES),
        references=_references(results),
        figures=images,
        run_columns=RUN_COLUMNS,
        run_rows=results.runs[list(RUN_COLUMNS)].astype(object).to_numpy().tolist(),
        differing_columns=differing_columns,
        differing=differing,
        command=command,
        provenance=_provenance(results),
    )


def _references(results: Results) -> list[tuple[str, float, float, str, str]]:
    """The reference scores of the environments on the page."""
    return [
        (env, scores.random, scores.target, scores.target_is, scores.source)
        for env, scores in REFERENCE_SCORES.items()
        if env in set(results.usable["env"])
    ]


def _differing(results: Results) -> tuple[list[str], list[list[str]]]:
    """The keys on which groups differ, and their value in each group."""
    firsts = results.runs.drop_duplicates(["group", "env"])
    configs = [results.configs[run] for run in firsts["run"]]
    headings = [f"{g} on {e}" for g, e in zip(firsts["group"], firsts["env"], strict=True)]
    rows = [
        [key, *texts_of([config.get(key, ABSENT) for config in configs])]
        for key in differing_keys(configs)
    ]
    return ["key", *headings], rows


def _provenance(results: Results) -> list[tuple[str, str]]:
    """Commits, machines and packages of the runs, and the packages that made the page."""
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
