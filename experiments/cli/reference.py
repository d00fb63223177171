"""The tables of `docs/cli.md`: every command of `rllib` with its options, read from the command itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from rllib_zoo.analysis.report import tables

COLUMNS = ("argument or option", "default", "meaning")
# Commands whose common options are in one table.
TRAINING = ("rllib train", "rllib train file", "rllib example run")
# A default computed at run time is at the end of the help: "Folder (default: ~/ray_results)."
DEFAULT_IN_HELP = re.compile(r" \(default: ([^)]+)\)\.$")
Row = tuple[str, str, str]


def reference(app: typer.Typer, shared: Sequence[str] = TRAINING) -> str:
    """Markdown with a section per command: its help and a table of its arguments and options.

    Args:
        app: the command with its subcommands; hidden commands and options are left out.
        shared: commands whose common options get their own table, before the others.
    """
    root = typer.main.get_command(app)
    commands = {"rllib": root, **dict(_commands(root))}
    rows = {
        name: [_row(p) for p in command.params if _shown(p)] for name, command in commands.items()
    }
    sharing = [rows[name] for name in shared]
    common = [row for row in (sharing or [[]])[0] if all(row in other for other in sharing)]
    parts = []
    if common:
        parts.append(f"### Options of every training\n\n{tables.markdown(COLUMNS, common)}")
    # The commands of the first table come first.
    names = [name for name in commands if rows[name] or name != "rllib"]
    for name in (*shared, *(name for name in names if name not in shared)):
        help_line = (commands[name].help or "").strip().partition("\n")[0]
        text = f"### `{name}`\n\n{help_line}\n"
        own = rows[name]
        if common and name in shared:
            text += "\nTakes the [options of every training](#options-of-every-training).\n"
            own = [row for row in own if row not in common]
        parts.append(f"{text}\n{tables.markdown(COLUMNS, own)}" if own else text)
    return "\n".join(parts).strip()


def _commands(group: Any, name: str = "rllib") -> Iterator[tuple[str, Any]]:
    """Full name and command of every runnable command, in the order of `--help`."""
    for word, command in group.commands.items():
        full = f"{name} {word}"
        if command.hidden:
            continue
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield full, command
        if hasattr(command, "commands"):
            yield from _commands(command, full)


def _shown(parameter: Any) -> bool:
    return not parameter.hidden and parameter.name != "help"


def _row(parameter: Any) -> Row:
    """The cells of one argument or option."""
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}{' …' if parameter.nargs == -1 else ''}`"
    else:
        value = f" {parameter.metavar}" if parameter.metavar else ""
        names = (*parameter.opts, *parameter.secondary_opts)
        name = ", ".join(f"`{text}{value}`" for text in names)
    default, text = _default(parameter), parameter.help or ""
    if in_help := DEFAULT_IN_HELP.search(text):
        default, text = f"`{in_help[1]}`", text[: in_help.start()] + "."
    return name, default, text


def _default(parameter: Any) -> str:
    """As it is typed; "required", or a dash for an option that is off."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return f"`{parameter.show_default}`"
    if isinstance(parameter.default, bool):
        return "on" if parameter.default else "off"
    return "–" if parameter.default in (None, "") else f"`{parameter.default}`"
