"""From Tune folders to an HTML page, tables and figures."""

from __future__ import annotations

import gc
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from rllib_zoo.analysis.files.atomic import atomic_folder
from rllib_zoo.analysis.files.best_settings import NAME as BEST
from rllib_zoo.analysis.files.object_storage import shown, was_uri, with_uris
from rllib_zoo.analysis.files.table_csv import write_table
from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.plots.bands import CURVE_RESAMPLES
from rllib_zoo.analysis.plots.figure_file import FigureImage, write_figures
from rllib_zoo.analysis.plots.figures import figures
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.best_config import best_config
from rllib_zoo.analysis.report.html import overall_rows, page_of, score_rows
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.summary import Summary, summarise

# What a report's folder contains, ``BEST`` of sweeps only; the page comes last.
CONTENT = (
    "figures", "scores.csv", "curves.csv", "table.md", "command.txt", BEST, "report.html",
)  # fmt: skip
# Rows to keep per trial: more than a figure has pixels.
MAX_ROWS = 5_000


class UnknownEnvironmentError(ValueError):
    """No run is of an environment that has a threshold."""


class NothingToReportError(ValueError):
    """No run has a result."""


def report(
    folders: Sequence[Path],
    output: Path,
    options: ReportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    reload_s: float | None = None,
) -> Summary:
    """Load, summarise, draw and write.

    Args:
        folders: with trials in them or below.
        output: folder for :data:`CONTENT`; that of an earlier report is replaced, all at once where the
            folder has nothing else.
        options: see :class:`ReportOptions`.
        progress: see ``load``.
        reload_s: seconds after which the page reloads itself; None: never.

    Raises:
        FileNotFoundError: a folder does not exist.
        NothingToReportError: no run has a result; nothing is written.
        UnknownGroupError: no run is of the baseline; nothing is written.
        UnknownEnvironmentError: no run is of an environment with a threshold; nothing is written.
        NotADirectoryError: the output is a file.
        OSError: the disk is full, for example; an earlier report is unchanged.
    """
    options = options or ReportOptions()
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"{output} is a file; --output must be a folder")
    if was_uri(output):
        raise NotADirectoryError(f"{output} is a URL; --output must be a folder")
    results = load(
        folders,
        max_rows=MAX_ROWS,
        formats=options.formats,
        compare_labelled=options.compare_labelled,
        progress=progress,
    )
    results.runs["path"] = results.runs["path"].map(with_uris)
    if results.usable.empty:
        raise NothingToReportError(_nothing(results.runs, folders))
    unknown = sorted(set(options.thresholds) - set(results.runs["env"]))
    if unknown:
        envs = ", ".join(sorted(set(results.usable["env"])))
        raise UnknownEnvironmentError(f"no run is of {unknown[0]!r}; choose from {envs}")
    others = ("title", "formats", "compare_labelled")
    settings = {name: value for name, value in vars(options).items() if name not in others}
    summary = summarise(results, **settings)
    resamples = min(options.resamples, CURVE_RESAMPLES)
    intervals = {"seed": options.seed, "resamples": resamples}
    images = list(_one_by_one(figures(results, summary, options.baseline, **intervals)))
    command = _command(folders, output, options)
    markdown = tables.markdown(*score_rows(summary))
    if len(summary.overall):
        markdown += "\n" + tables.markdown(*overall_rows(summary))
    best, training = best_config(results, summary)
    page = page_of(results, summary, images, options, command, training, reload_s)
    with atomic_folder(output, CONTENT) as draft:
        write_figures(draft / "figures", images)
        summary.scores.to_csv(draft / "scores.csv", index=False)
        write_table(draft / "curves.csv", results.curves)
        (draft / "table.md").write_text(markdown, encoding="utf-8")
        (draft / "command.txt").write_text(command + "\n", encoding="utf-8")
        if best:
            (draft / BEST).write_text(best, encoding="utf-8")
        (draft / "report.html").write_text(page, encoding="utf-8")
    return summary


def _nothing(runs: pd.DataFrame, folders: Sequence[Path]) -> str:
    """Why there is nothing to report, with the reason of the first run."""
    found = f"{len(runs)} run{'s were' if len(runs) != 1 else ' was'} found"
    text = f"{found} below {', '.join(map(str, folders))}, none of them with a result"
    if runs.empty:
        return f"{text}; docs/peers.md tells which files are read"
    first, more = runs.iloc[0], len(runs) - 1
    return f"{text}: {first['path']}: {first['message']}" + (f"; and {more} more" if more else "")


def _one_by_one(images: Iterator[FigureImage]) -> Iterator[FigureImage]:
    """The images, with one figure of matplotlib in memory at a time.

    It refers to itself, so that the garbage collector has to free it. What is there before is left out of the
    collections, since examining it for every figure would take long.
    """
    gc.freeze()
    try:
        for image in images:
            gc.collect()
            gc.freeze()
            yield image
    finally:
        gc.unfreeze()


def _command(folders: Sequence[Path], output: Path, options: ReportOptions) -> str:
    """The command line that regenerates the report."""
    arguments = ["rllib", "report", *map(shown, folders), "--output", str(output)]
    default = ReportOptions()
    for name in ("measure", "seed", "resamples", "title", "baseline"):
        if getattr(options, name) != getattr(default, name):
            arguments += [f"--{name}", str(getattr(options, name))]
    for name in options.formats:
        arguments += ["--as", name]
    if options.compare_labelled:
        arguments.append("--compare-labelled")
    for env, value in options.thresholds.items():
        arguments += ["--threshold", f"{env}={value!r}"]
    return shlex.join(arguments)
