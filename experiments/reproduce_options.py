"""Options of `rllib reproduce`, as in :mod:`rllib_zoo.experiments.options`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rllib_zoo.experiments.options import Trust


@dataclass
class ReproduceOptions:
    """`rllib reproduce`."""

    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare afterwards; at once where it has run already."),
    ] = False
    storage_path: Annotated[
        str | None, typer.Option("--storage-path", help="Folder of results [~/ray_results].")
    ] = None
    experiment_name: Annotated[
        str | None,
        typer.Option("--experiment-name", "-n", help="Folder below it [<name>-reproduced]."),
    ] = None
    import_: Annotated[
        list[str] | None,
        typer.Option("--import", metavar="MODULE", help="Import a module first (repeatable)."),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what differs, print the plan, stop.")
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Move an existing reproduction aside.")] = (
        False
    )
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted one.")] = False
    trust_checkpoint: Trust = False
    ray_num_cpus: Annotated[
        int | None, typer.Option("--ray-num-cpus", help="CPUs Ray may count on [all].")
    ] = None
