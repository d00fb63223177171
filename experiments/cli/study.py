"""`rllib study`: list the studies, train missing runs, report and check the kept results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rllib_zoo.experiments.console import plain_console, print_stderr
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.options import Trust
from rllib_zoo.experiments.paths import RESULTS, ROOT

if TYPE_CHECKING:
    from rllib_zoo.experiments.studies.catalog import Cell, Study

# With one folder per study.
STORAGE = "~/ray_results/studies"

app = typer.Typer(help="Studies: tables of many runs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the study; `rllib study list` shows all.")]
Smoke = Annotated[
    bool, typer.Option("--smoke", help="A quick test: budgets of seconds, in separate folders.")
]
Storage = Annotated[
    Path | None,
    typer.Option("--storage", help=f"Folder of the Tune experiments (default: {STORAGE}/NAME)."),
]
Results = Annotated[
    Path, typer.Option("--results", help="Folder of the kept results.", show_default="results/")
]


@app.command("list")
def list_studies(results: Results = RESULTS) -> None:
    """Show every study: its runs, how many are done, begun and missing, and its budget."""
    from rich.table import Table

    from rllib_zoo.experiments.studies.catalog import STUDIES
    from rllib_zoo.experiments.studies.runs import counts, runs_of

    table = Table(
        "study", "cells", "runs", "done", "begun", "missing", "steps", "of them missing", box=None
    )
    for study in STUDIES.values():
        with readable_results():
            runs = runs_of(study, results)
        done, begun, missing = counts(runs)
        steps = sum(cell.budget.steps for cell, _ in study.runs)
        left = sum(r.cell.budget.steps for r in runs if not r.done and r.seed in r.cell.seeds)
        numbers = (len(study.cells), len(study.runs), done, begun, missing)
        table.add_row(study.name, *map(str, numbers), f"≤ {steps:,}", f"≤ {left:,}")
    # Narrower terminals would cut the names.
    from rich.console import Console

    Console(width=max(Console().width, 110)).print(table)


@app.command()
def run(
    name: Name,
    smoke: Smoke = False,
    storage: Storage = None,
    results: Results = RESULTS,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CELL", help="These cells (repeatable).")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Seeds instead of the study's: 0-9 or 3,7.")
    ] = None,
    trust_checkpoint: Trust = False,
) -> None:
    """Train missing runs one at a time; after an interruption the same command continues."""
    from rllib_zoo.experiments.studies.train import Session, run_study

    study = study_named(name)
    if smoke:
        folder = smoke_storage(study, storage)
        study, results = study.smoke(), smoke_results(folder, results)
    else:
        folder = storage_of(study, storage)
    runs = select_runs(study, only or [], seeds)
    session = Session(
        study, folder, results.absolute(), plain_console(stderr=True), trust_checkpoint
    )
    with readable_results():
        code = run_study(session, runs)
    raise typer.Exit(code)


@app.command()
def report(
    name: Annotated[str | None, typer.Argument(help="Name of one study (default: all).")] = None,
    smoke: Smoke = False,
    storage: Storage = None,
    results: Results = RESULTS,
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 when a threshold is missed or unmeasured.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Write every generated page, section and figure of README and docs."
        ),
    ] = False,
) -> None:
    """Print a study's tables and thresholds from the kept results; --update writes all pages."""
    from rllib_zoo.experiments.studies.catalog import STUDIES
    from rllib_zoo.experiments.studies.published_scores import published_table
    from rllib_zoo.experiments.studies.tables import study_table
    from rllib_zoo.experiments.studies.thresholds import lines_of, verdicts

    studies = [study_named(name)] if name is not None else list(STUDIES.values())
    if smoke and update:
        raise RequestError("--update conflicts with --smoke")
    if update and results.resolve() != RESULTS:
        raise RequestError(f"--update supports only {RESULTS}", key="--results")
    pairs = [
        (s.smoke(), smoke_results(smoke_storage(s, storage), results)) if smoke else (s, results)
        for s in studies
    ]
    with readable_results():
        for study, folder in pairs:
            tables = [study_table(study, folder), published_table(study, folder)]
            print(f"{study.name}: {study.question}", *filter(None, tables), sep="\n\n")
            print(*lines_of(verdicts(study, folder)), "", sep="\n")
        if update:
            # These load matplotlib and pandas.
            from rllib_zoo.experiments.cli import main
            from rllib_zoo.experiments.cli.reference import reference
            from rllib_zoo.experiments.studies.publish import update_pages

            options = reference(main.app)
            for file in update_pages(list(STUDIES.values()), results, ROOT, options):
                print_stderr(f"written: {file}")
    if check:
        for study, _ in pairs:
            if not study.thresholds:
                print_stderr(f"{study.name}: no thresholds to check")
        missed = [line for pair in pairs for line in lines_of(verdicts(*pair), met=False)]
        for line in missed:
            print_stderr(line)
        raise typer.Exit(1 if missed else 0)


@contextmanager
def readable_results() -> Iterator[None]:
    """Turn errors in kept results into a :class:`RequestError`: broken files, different environments."""
    from rllib_zoo.analysis.scoring.comparability import DifferentEnvironmentsError
    from rllib_zoo.experiments.studies.runs import BrokenResultError

    try:
        yield
    except (BrokenResultError, DifferentEnvironmentsError, FileNotFoundError) as error:
        raise RequestError(str(error)) from None


def study_named(name: str) -> Study:
    """The study of that name.

    Raises:
        RequestError: unknown study; with the nearest name.
    """
    from rllib_zoo.experiments.studies.catalog import STUDIES

    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f"there are {', '.join(STUDIES)}"
        raise RequestError(f"study {name!r} is unknown", hint=hint)
    return STUDIES[name]


def storage_of(study: Study, storage: Path | None) -> Path:
    """Folder of a study's Tune experiments."""
    return (storage or Path(STORAGE) / study.name).expanduser().absolute()


def smoke_storage(study: Study, storage: Path | None) -> Path:
    """Folder of the Tune experiments of a study's smoke runs."""
    return storage_of(study, storage) / "smoke"


def smoke_results(storage: Path, results: Path) -> Path:
    """Folder of the results of smoke runs: never the project's own."""
    return storage / "results" if results.resolve() == RESULTS else results / "smoke"


def select_runs(study: Study, only: list[str], seeds: str | None) -> list[tuple[Cell, int]]:
    """The requested runs, in the study's order.

    Raises:
        RequestError: an unknown cell, or invalid seeds.
    """
    names = [cell.name for cell in study.cells]
    for name in only:
        if name not in names:
            hint = nearest(name, names) or f"there are {', '.join(names)}"
            raise RequestError(f"{study.name} has no cell {name!r}", key="--only", hint=hint)
    requested: tuple[int, ...] = ()
    if seeds is not None:
        from rllib_zoo.experiments.config.overrides import parse_seeds  # loads RLlib

        requested = tuple(parse_seeds(seeds))
    cells = [cell for cell in study.cells if not only or cell.name in only]
    return replace(study, cells=tuple(replace(c, seeds=requested or c.seeds) for c in cells)).runs
