"""The tables of options are those of the command; `test_publish.py` compares the committed page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.cli.reference import reference

tiny = typer.Typer(add_completion=False)
group = typer.Typer(help="Things.")
tiny.add_typer(group, name="thing")


@tiny.command()
def run(
    file: Annotated[Path, typer.Argument(help="What to run.")],
    number: Annotated[int, typer.Option("--number", "-n", help="How many.")] = 3,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="PATH", help="Where to (default: here).")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick/--slow", help="Less of it.")] = True,
    secret: Annotated[bool, typer.Option("--secret", hidden=True, help="Old.")] = False,
) -> None:
    """Run it.

    At length.
    """


@group.command("list")
def list_things(
    names: Annotated[list[str], typer.Argument(help="Which.")],
    number: Annotated[int, typer.Option("--number", "-n", help="How many.")] = 3,
) -> None:
    """Show all."""


def test_the_page_by_hand():
    assert (
        reference(tiny, shared=())
        == """### `rllib run`

Run it.

| argument or option | default | meaning |
|---|---|---|
| `FILE` | required | What to run. |
| `--number`, `-n` | `3` | How many. |
| `--folder PATH` | `here` | Where to. |
| `--quick`, `--slow` | on | Less of it. |

### `rllib thing list`

Show all.

| argument or option | default | meaning |
|---|---|---|
| `NAMES …` | required | Which. |
| `--number`, `-n` | `3` | How many. |"""
    )


def test_common_options_stand_once():
    text = reference(tiny, shared=("rllib run", "rllib thing list"))
    assert text.startswith("### Options of every training\n")
    assert text.count("`--number`") == 1
    assert text.count("(#options-of-every-training)") == 2


def test_every_option_of_every_command_is_on_the_page():
    text = reference(app)

    def check(command, name):
        for word, inner in getattr(command, "commands", {}).items():
            check(inner, f"{name} {word}")
        if not hasattr(command, "commands"):
            assert f"### `{name}`\n" in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                spelled = parameter.opts[0]
                assert spelled == "--help" or f"`{spelled}`" in text or f"`{spelled} " in text

    check(typer.main.get_command(app), "rllib")
