"""One command from Tune folders to a page, tables and figures."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from analysis import tables
from analysis.figure_files import Drawn, write_figures
from analysis.figures import figures
from analysis.groups import differing_keys, spelt
from analysis.load import Results, load
from analysis.reference_scores import REFERENCE_SCORES
from analysis.scores import MEASURES
from analysis.summary import MEASURE, Summary, summarise

# Rows kept of one trial: more than a figure has pixels.
MAX_ROWS = 2_000
SCORE_COLUMNS = {
    "world": "environment",
    "group": "group",
    "runs": "runs",
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
    "mean": "mean",
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


@dataclass(frozen=True)
class ReportOptions:
    """What a report may be asked.

    Attributes:
        measure: what runs are judged by, a key of ``scores.MEASURES``.
        thresholds: environment → return whose first reaching is timed.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        title: of the page.
        baseline: group that the others are compared with, for ablations.
    """

    measure: str = MEASURE
    thresholds: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    resamples: int = 10_000
    title: str = "Comparison of runs"
    baseline: str | None = None


class NothingToReportError(ValueError):
    """No run has a single result."""


def report(
    folders: Sequence[Path],
    output: Path,
    options: ReportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Load, summarise, draw and write.

    Args:
        folders: with trials at or below them.
        output: folder for ``report.html``, ``scores.csv``, ``curves.csv``, ``table.md``, ``command.txt`` and
            ``figures/``; files of an earlier report are replaced.
        options: see :class:`ReportOptions`.
        progress: see :func:`analysis.load.load`.

    Raises:
        FileNotFoundError: a folder is not there.
        NothingToReportError: no run has a result; nothing is written.
        UnknownGroupError: no run is of the baseline; nothing is written.
    """
    options = options or ReportOptions()
    results = load(folders, max_rows=MAX_ROWS, progress=progress)
    if results.usable.empty:
        raise NothingToReportError(
            f"{len(results.runs)} runs were found below {', '.join(map(str, folders))}, "
            "none of them with a result"
        )
    summary = summarise(
        results,
        measure=options.measure,
        thresholds=options.thresholds,
        seed=options.seed,
        resamples=options.resamples,
        baseline=options.baseline,
    )
    drawn = list(figures(results, summary, dict(options.thresholds), options.baseline))
    command = _command(folders, output, options)
    output.mkdir(parents=True, exist_ok=True)
    write_figures(output / "figures", drawn)
    summary.scores.to_csv(output / "scores.csv", index=False)
    results.curves.dropna(axis=1, how="all").to_csv(output / "curves.csv", index=False)
    columns, rows = score_rows(summary)
    (output / "table.md").write_text(tables.markdown(columns, rows), encoding="utf-8")
    (output / "command.txt").write_text(command + "\n", encoding="utf-8")
    page = _page(results, summary, drawn, options, command)
    (output / "report.html").write_text(page, encoding="utf-8")
    return summary


def score_rows(summary: Summary) -> tuple[list[str], list[list[Any]]]:
    """The table of scores: heads, and a row per environment and group."""
    return _rows(summary.table, SCORE_COLUMNS)


def _rows(table: pd.DataFrame, heads: Mapping[str, str]) -> tuple[list[str], list[list[Any]]]:
    keys = [key for key in heads if key in table.columns]
    return [heads[key] for key in keys], table[keys].astype(object).to_numpy().tolist()


def _page(
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
        overall=_rows(summary.overall, OVERALL_COLUMNS),
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


def _command(folders: Sequence[Path], output: Path, options: ReportOptions) -> str:
    """The command that draws the same again."""
    words = ["rllib", "report", *map(str, folders), "--output", str(output)]
    default = ReportOptions()
    for name in ("measure", "seed", "resamples", "title", "baseline"):
        if getattr(options, name) != getattr(default, name):
            words += [f"--{name}", str(getattr(options, name))]
    for env, value in options.thresholds.items():
        words += ["--threshold", f"{env}={value:g}"]
    return shlex.join(words)


def read_scores(output: Path) -> pd.DataFrame:
    """The ``scores.csv`` of a report."""
    return pd.read_csv(output / "scores.csv")
