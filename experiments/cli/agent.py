"""`rllib agent`: export trained agents and list them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.object_storage import path_of
from rllib_zoo.experiments.options import Imports, Trust, prepare_imports, require_run
from rllib_zoo.experiments.paths import AGENTS

Licence = Annotated[
    str | None,
    typer.Option("--license", help="Of the weights, for the card: apache-2.0, cc-by-4.0, …"),
]

agent_app = typer.Typer(help="Trained agents, without pickle.", no_args_is_help=True)


@agent_app.command("export")
def agent_export(
    runs: Annotated[
        list[Path],
        typer.Argument(
            parser=path_of,
            metavar="RUNS...",
            help="Checkpoint, trial or experiment folders; the best of several is exported.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="New folder (default: results/agents/<env>-<algorithm>)."
        ),
    ] = None,
    episodes: Annotated[
        int, typer.Option("--episodes", help="Episodes of each measured score.")
    ] = 100,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", help="Cut episodes after so many steps (default: never)."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the measured score.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Move an existing folder aside.")] = False,
    import_: Imports = None,
    license_: Licence = None,
    trust_checkpoint: Trust = False,
) -> None:
    """Export the best final checkpoint as a folder: weights, a measured score and a model card."""
    for run in runs:
        require_run(run)
    from rllib_zoo.experiments.evaluation.agent_table import HEADINGS, row
    from rllib_zoo.experiments.evaluation.export import export

    prepare_imports(import_)
    folder = export(
        runs,
        output,
        episodes=episodes,
        seed=seed,
        force=force,
        max_steps=max_steps,
        trusted=trust_checkpoint,
        licence=license_,
    )
    for heading, cell in zip(HEADINGS, row(folder), strict=True):
        print(f"{heading}: {cell.strip('`')}")
    print(f"play it: rllib evaluate {folder} --episodes 10")


@agent_app.command("card")
def agent_card(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDERS...", help="Exported agents.")],
    license_: Licence = None,
) -> None:
    """Write the model cards of exported agents anew, from their own files."""
    from rllib_zoo.experiments.evaluation.model_card import write_card

    for folder in folders:
        print(write_card(folder, licence=license_))


@agent_app.command("list")
def agent_list(
    folder: Annotated[
        Path, typer.Argument(help="Folder of agents.", show_default="results/agents")
    ] = AGENTS,
    write: Annotated[
        Path | None, typer.Option("--write", help="Put the table into this page instead.")
    ] = None,
) -> None:
    """Show the exported agents as a table."""
    from rllib_zoo.experiments.errors import RequestError
    from rllib_zoo.experiments.evaluation.agent_table import filled, table

    body = table(folder)
    if write is None:
        print(body)
        return
    try:
        page = write.read_text(encoding="utf-8")
        write = write.resolve()
        with atomic_write(write) as draft:
            draft.write_text(filled(page, body), encoding="utf-8")
            draft.chmod(write.stat().st_mode)
    except OSError as error:
        raise RequestError(f"cannot be written: {error.strerror}", file=write) from None
    except RequestError as error:
        raise error.located(write) from None
