"""`rllib study`: list the studies, train what is missing, report and check what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rllib_zoo.experiments.console import print_stderr, stderr_console
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.options import Trust
from rllib_zoo.experiments.paths import RESULTS, ROOT

if TYPE_CHECKING:
    from rllib_zoo.experiments.studies.catalog import Cell, Study

# One folder per study below it.
STORAGE = "~/ray_results/studies"

app = typer.Typer(
    help="Studies: whole tables of runs; interrupted, they continue.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of the study; `rllib study list` shows all.")]
Smoke = Annotated[
    bool, typer.Option("--smoke", help="Budgets of seconds, in folders apart: does it run at all?")
]
Storage = Annotated[
    Path | None,
    typer.Option("--storage", help=f"Folder of the Tune experiments (default: {STORAGE}/NAME)."),
]
Results = Annotated[
    Path, typer.Option("--results", help="Folder of what is kept.", show_default="results/")
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
    # A narrow screen would cut the names.
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
        str | None, typer.Option("--seeds", help="Instead of the study's: 0-9 or 3,7.")
    ] = None,
    trust_checkpoint: Trust = False,
) -> None:
    """Train what is missing, one run at a time; interrupted, the same command continues."""
    from rllib_zoo.experiments.studies.train import Session, run_study

    study = study_named(name)
    if smoke:
        folder = smoke_storage(study, storage)
        study, results = study.smoke(), smoke_results(folder, results)
    else:
        folder = storage_of(study, storage)
    runs = chosen(study, only or [], seeds)
    session = Session(study, folder, results.absolute(), stderr_console(), trust_checkpoint)
    with readable_results():
        code = run_study(session, runs)
    raise typer.Exit(code)


@app.command()
def report(
    name: Annotated[str | None, typer.Argument(help="One study; without it all.")] = None,
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
    """Print a study's tables and thresholds from what is kept; --update writes them all."""
    from rllib_zoo.experiments.studies.catalog import STUDIES
    from rllib_zoo.experiments.studies.published_scores import published_table
    from rllib_zoo.experiments.studies.tables import study_table
    from rllib_zoo.experiments.studies.thresholds import lines_of, verdicts

    studies = [study_named(name)] if name is not None else list(STUDIES.values())
    if smoke and update:
        raise RequestError("--update writes results, and --smoke makes none")
    if update and results.resolve() != RESULTS:
        raise RequestError(
            f"--update writes the checkout's pages, and they are made of {RESULTS}", key="--results"
        )
    pairs = [(study, results) for study in studies]
    if smoke:
        pairs = [
            (study.smoke(), smoke_results(smoke_storage(study, storage), results))
            for study in studies
        ]
    with readable_results():
        for study, folder in pairs:
            tables = [study_table(study, folder), published_table(study, folder)]
            print(f"{study.name}: {study.question}", *filter(None, tables), sep="\n\n")
            for line in lines_of(verdicts(study, folder)):
                print(line)
            print()
        if update:
            # Loads matplotlib and pandas: only where it is needed.
            from rllib_zoo.experiments.cli import main
            from rllib_zoo.experiments.cli.reference import reference
            from rllib_zoo.experiments.studies.publish import update_pages

            options = reference(main.app)
            for file in update_pages(list(STUDIES.values()), results, ROOT, options):
                print_stderr(f"written: {file}")
    if check:
        for study, _ in pairs:
            if not study.thresholds:
                print_stderr(f"{study.name}: no thresholds: nothing is checked")
        missed = [line for pair in pairs for line in lines_of(verdicts(*pair), met=False)]
        for line in missed:
            print_stderr(line)
        raise typer.Exit(1 if missed else 0)


@contextmanager
def readable_results() -> Iterator[None]:
    """What is wrong with kept results becomes one line.

    Raises:
        RequestError: a kept file is broken, or runs side by side played differently.
    """
    from rllib_zoo.analysis.scoring.comparability import DifferentEnvironmentsError
    from rllib_zoo.experiments.studies.runs import BrokenResultError

    try:
        yield
    except (BrokenResultError, DifferentEnvironmentsError, FileNotFoundError) as error:
        raise RequestError(str(error)) from None


def study_named(name: str) -> Study:
    """The study of that name.

    Raises:
        RequestError: there is none; with the nearest.
    """
    from rllib_zoo.experiments.studies.catalog import STUDIES

    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f"there are {', '.join(STUDIES)}"
        raise RequestError(f"study {name!r} is unknown", hint=hint)
    return STUDIES[name]


def storage_of(study: Study, given: Path | None) -> Path:
    """Folder of a study's Tune experiments."""
    return (given or Path(STORAGE) / study.name).expanduser().absolute()


def smoke_storage(study: Study, given: Path | None) -> Path:
    """The same for its smoke runs."""
    return storage_of(study, given) / "smoke"


def smoke_results(storage: Path, results: Path) -> Path:
    """Where a smoke run is kept: never where results are."""
    return storage / "results" if results.resolve() == RESULTS else results / "smoke"


def chosen(study: Study, only: list[str], seeds: str | None) -> list[tuple[Cell, int]]:
    """The runs that were asked for, in the study's order.

    Raises:
        RequestError: an unknown cell, or seeds that are none.
    """
    names = [cell.name for cell in study.cells]
    for name in only:
        if name not in names:
            hint = nearest(name, names) or f"there are {', '.join(names)}"
            raise RequestError(f"{study.name} has no cell {name!r}", key="--only", hint=hint)
    asked: tuple[int, ...] = ()
    if seeds is not None:
        # Loads RLlib: only where it is needed.
        from rllib_zoo.experiments.config.overrides import parse_seeds

        asked = tuple(parse_seeds(seeds))
    cells = [cell for cell in study.cells if not only or cell.name in only]
    return replace(study, cells=tuple(replace(c, seeds=asked or c.seeds) for c in cells)).runs
