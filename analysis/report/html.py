"""The HTML page of a report: tables, figures, provenance."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import orjson
import pandas as pd
from markupsafe import Markup

from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES
from rllib_zoo.analysis.plots.figure_file import PARTS, FigureImage, file_name
from rllib_zoo.analysis.plots.rungs import note_of
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.watch import RELOAD
from rllib_zoo.analysis.results import Results
from rllib_zoo.analysis.scoring.coverage import coverage_table, covered_text
from rllib_zoo.analysis.scoring.groups import (
    ABSENT,
    differing_keys,
    group_numbers,
    texts_of,
    value_text,
)
from rllib_zoo.analysis.scoring.notices import by_kind
from rllib_zoo.analysis.scoring.overall import ALL
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.analysis.scoring.rungs import Rungs
from rllib_zoo.analysis.scoring.scores import MEASURES
from rllib_zoo.analysis.scoring.verdict import Verdict, estimate_text
from rllib_zoo.analysis.style import COLOURS, DARK_COLOURS
from rllib_zoo.analysis.summary import Summary

SCORE_COLUMNS = (
    "environment", "group", "runs", "early", "window", "iqm", "iqm_low", "iqm_high", "covers", "mean",
    "median", "lowest", "highest", "average", "normalised", "threshold", "reached", "steps_to", "seconds_to",
    "steps", "seconds",
)  # fmt: skip
RUNG_COLUMNS = ("rung", "time", "trials", "went_on", "stopped", "cutoff", "best")
# Columns whose heading is not their name.
HEADINGS = {
    "early": "of them ended early", "window": "episodes in a mean",
    "iqm": "IQM", "iqm_low": "low", "iqm_high": "high", "covers": "interval contains truth",
    "lowest": "lowest run", "highest": "highest run", "average": "average over training",
    "reached": "runs that reached it", "steps_to": "steps to it", "seconds_to": "seconds to it",
    "steps": "steps of the shortest", "gap": "optimality gap",
    "cutoff": "last cut-off", "best": "best score",
}  # fmt: skip
RUN_COLUMNS = (
    "run", "group", "env", "seed", "status", "message", "steps", "seconds", "episodes", "return_mean",
    "mean_of", "experiment", "path",
)  # fmt: skip
# Columns of text, aligned left, with line breaks.
TEXT_COLUMNS = (
    "message",
    "mean_of",
    "path",
    "value",
    "group",
    "environment",
    "key",
    "source",
    "interval",
)
PACKAGES = ("ray", "torch", "gymnasium", "numpy", "pandas", "scipy", "matplotlib")
TEMPLATES = Path(__file__).parent / "templates"
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


def ranking_rows(summary: Summary) -> Table:
    """The ranking of every verdict: score, interval, and whether the next is worse."""
    headings = ["group", "rank", "IQM, 95 % interval", "P(better than next)", "runs",
                "interval contains truth"]  # fmt: skip
    several = len(summary.verdicts) > 1
    rows: list[list[Any]] = []
    for verdict in summary.verdicts:
        for rank, (group, value) in enumerate(verdict.estimates.items(), start=1):
            _, better = verdict.better.get(group, ("", None))
            place = [verdict.place] if several else []
            rows.append([group, *place, rank, estimate_text(value), better and estimate_text(better),
                         value.runs, covered_text(value.runs)])  # fmt: skip
    return [headings[0], *(["environment"] if several else []), *headings[1:]], rows


@dataclass(frozen=True)
class Section:
    """What the page shows of one environment.

    Attributes:
        verdict: its ranking.
        curves: its learning curves over several axes; ``times``: the share of runs that reached a score.
        figures: of scores and comparisons; ``sweep`` figures of settings, ``rungs`` of the scores at which
            trials were stopped, ``diagnostics`` of training.
        values: a row per group of a sweep with its settings and score, best first; None without a sweep.
        scores: all numbers.
        rung_tables: how trials were compared, and a row per rung, for every experiment with ASHA.
    """

    verdict: Verdict
    curves: list[FigureImage]
    figures: list[FigureImage]
    times: list[FigureImage]
    sweep: list[FigureImage]
    rungs: list[FigureImage]
    diagnostics: list[FigureImage]
    values: Table | None
    scores: Table
    rung_tables: list[tuple[str, Table]]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"env-{file_name(self.verdict.place)}"


def sections_of(summary: Summary, images: list[FigureImage]) -> list[Section]:
    """A section per environment, in the order of the verdicts."""
    columns = [
        key for key in SCORE_COLUMNS if key in summary.table.columns and key != "environment"
    ]
    sections = []
    for verdict in summary.verdicts:
        if verdict.place == ALL:
            continue
        parts: dict[str, list[FigureImage]] = {part: [] for part in PARTS}
        for image in images:
            if image.spot and image.spot.place == verdict.place:
                parts[image.spot.part].append(image)
        table = summary.table[summary.table["environment"] == verdict.place]
        sections.append(
            Section(
                verdict,
                **parts,
                values=_values(summary, verdict),
                scores=_table(table, columns),
                rung_tables=[
                    (note_of(rungs), _rung_rows(rungs))
                    for rungs in summary.rungs
                    if rungs.environment == verdict.place
                ],
            )
        )
    return sections


def _values(summary: Summary, verdict: Verdict) -> Table | None:
    """The settings of the groups that are sweeps, with their scores."""
    settings: dict[str, Mapping[str, Any]] = {}
    for (env, _), groups in summary.sweeps.items():
        if env == verdict.place:
            settings |= groups
    keys = list(dict.fromkeys(key for row in settings.values() for key in row))
    rows = [
        [
            group,
            *(value_text(settings[group].get(key, ABSENT)) for key in keys),
            estimate_text(value),
        ]
        for group, value in verdict.estimates.items()
        if group in settings
    ]
    return (["group", *keys, "score (IQM)"], rows) if rows else None


def _rung_rows(rungs: Rungs) -> Table:
    """A row per rung; the trials that reached it are "trials"."""
    return _table(rungs.table.rename(columns={"reached": "trials"}), list(RUNG_COLUMNS))


def page_of(
    results: Results,
    summary: Summary,
    images: list[FigureImage],
    options: ReportOptions,
    command: str,
    training: str = "",
    reload_s: float | None = None,
) -> str:
    """The page as text; it refers to no other file.

    Args:
        results: what was loaded; ``summary``: of it; ``images``: the figures.
        options: of the report; ``command``: regenerates it.
        training: the command that trains the winner of a sweep; "" without one.
        reload_s: see ``report``.
    """
    differing_columns, differing = _differing(results)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = tables.cell
    return environment.get_template("report.html.j2").render(
        text_columns=TEXT_COLUMNS,
        numbers=group_numbers(results.runs),
        palettes={"light": COLOURS, "dark": DARK_COLOURS},
        title=options.title,
        reload="" if reload_s is None else Markup(RELOAD.format(reload_s)),
        runs=results.runs,
        usable=len(results.usable),
        measure=MEASURES[options.measure],
        resamples=options.resamples,
        seed=options.seed,
        warnings=by_kind(summary.notices),
        verdicts=summary.verdicts,
        ranking=ranking_rows(summary),
        sections=sections_of(summary, images),
        overall=overall_rows(summary),
        overall_name=ALL,
        overall_figures=[image for image in images if image.spot and image.spot.place == ALL],
        plots=_plots(images),
        plotly=(TEMPLATES / "plotly-basic.min.js").read_text(encoding="utf-8"),
        coverage=coverage_table(),
        curve_resamples=min(options.resamples, CURVE_RESAMPLES),
        references=_references(results),
        run_columns=RUN_COLUMNS,
        run_rows=results.runs[list(RUN_COLUMNS)].astype(object).to_numpy().tolist(),
        differing_columns=differing_columns,
        differing=differing,
        command=command,
        training=training,
        provenance=_provenance(results),
    )


def _plots(images: list[FigureImage]) -> str:
    """Name → plot, as JSON that may stand in a script element."""
    plots = {image.name: image.spot.plot for image in images if image.spot}
    return orjson.dumps(plots, option=orjson.OPT_SERIALIZE_NUMPY).decode().replace("<", "\\u003c")


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
