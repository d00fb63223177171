"""The command `rllib report`, also `python -m rllib_zoo.analysis`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from rllib_zoo.analysis.files.object_storage import (
    ObjectStorageError,
    download,
    path_of,
    with_uris,
)
from rllib_zoo.analysis.options import ReportOptions

DEFAULTS = ReportOptions()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            parser=path_of,
            metavar="FOLDERS...",
            help="Folders or files with runs of any library; any mixture.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the page, tables and figures.")
    ] = Path("report"),
    measure: Annotated[
        str, typer.Option(help="Score of a run: final, average or best.")
    ] = DEFAULTS.measure,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="ENV=RETURN", help="Measure the time to reach a return (repeatable)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = DEFAULTS.seed,
    resamples: Annotated[
        int, typer.Option(min=100, help="Resamples of the bootstrap.")
    ] = DEFAULTS.resamples,
    baseline: Annotated[
        str | None, typer.Option(help="Group to compare the others with (ablation bars).")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="FORMAT", help="Read files as this format only (repeatable)."),
    ] = None,
    compare_labelled: Annotated[
        bool,
        typer.Option(
            "--compare-labelled", help="Compare runs of clipped, normalised or unknown units, too."
        ),
    ] = False,
    title: Annotated[str, typer.Option(help="Title of the page.")] = DEFAULTS.title,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw again whenever results change, until Ctrl-C.")
    ] = False,
) -> None:
    """Compare runs: an offline HTML page, tables, figures, and the command to regenerate them."""
    from rllib_zoo.analysis.readers.registry import READERS
    from rllib_zoo.analysis.scoring.scores import MEASURES

    if measure not in MEASURES:
        refuse(f"--measure: {measure!r} is unknown; choose from {', '.join(MEASURES)}")
    for name in formats or ():
        if name not in READERS:
            refuse(f"--as: {name!r} is unknown; choose from {', '.join(READERS)}")
    thresholds = thresholds_of(threshold or [])
    options = ReportOptions(
        measure,
        thresholds,
        seed,
        resamples,
        title,
        baseline,
        tuple(formats or ()),
        compare_labelled,
    )
    if not watch:
        _write(folders, output, options)
        return
    from rllib_zoo.analysis.report.watch import PAUSE_S
    from rllib_zoo.analysis.report.watch import watch as watch_results

    watch_results(lambda: _write(folders, output, options, PAUSE_S), folders, output)
    print("stopped; the page no longer reloads itself", file=sys.stderr)


def _write(
    folders: list[Path], output: Path, options: ReportOptions, reload_s: float | None = None
) -> None:
    """Write the report with a progress bar, and print its warnings and verdicts.

    Args:
        folders: of the results; ``output``: of the report.
        options: of the report.
        reload_s: see ``report``; then results that are yet to come are no error.
    """
    from rich.console import Console
    from rich.progress import Progress

    from rllib_zoo.analysis.report.report import NothingToReportError, UnknownEnvironmentError
    from rllib_zoo.analysis.report.report import report as write_report
    from rllib_zoo.analysis.scoring.notices import lines
    from rllib_zoo.analysis.summary import UnknownGroupError

    refused = (NothingToReportError, UnknownGroupError, UnknownEnvironmentError)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading trials", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            for folder in folders:
                download(folder)
            summary = write_report(folders, output, options, show, reload_s=reload_s)
        except (FileNotFoundError, NotADirectoryError, ObjectStorageError, *refused) as error:
            if reload_s is not None and isinstance(error, NothingToReportError):
                print(f"waiting: {error}", file=sys.stderr)
                return
            refuse(str(error))
        except OSError as error:
            refuse(f"{error.filename or output}: {error.strerror}; nothing was written", code=1)
    for line in lines(summary.notices):
        print(f"warning: {with_uris(line)}", file=sys.stderr)
    for verdict in summary.verdicts:
        print(f"{verdict.place}: {verdict.sentence}")
    print(f"report: {output / 'report.html'}", flush=True)


def thresholds_of(options: list[str]) -> dict[str, float]:
    """``ENV=RETURN`` options as a mapping; a wrong one ends the command."""
    thresholds = {}
    for text in options:
        env, _, value = text.rpartition("=")
        try:
            thresholds[env] = float(value)
        except ValueError:
            env = ""
        if not env or not math.isfinite(thresholds[env]):
            refuse(f"--threshold: {text!r} is not ENV=RETURN, for example CartPole-v1=475")
    return thresholds


def refuse(message: str, code: int = 2) -> None:
    """One line on stderr, and the exit code."""
    print(" ".join(message.split()), file=sys.stderr)
    raise typer.Exit(code)
