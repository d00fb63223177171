"""Check the paths of config files, before the imports that reading them needs."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.paths import example_files

SUFFIXES = (".yaml", ".yml", ".py")


def require_file(file: Path) -> None:
    """Check that a path is a local YAML or Python file.

    Raises:
        RequestError: names the file, what is wrong, and the nearest file or example.
    """
    if re.match(r"[a-z0-9+]+:/", str(file)):
        raise RequestError("is a URL, but files must be local", file=file, hint="download it first")
    if not file.is_file():
        problem = "is not a file" if file.exists() else "does not exist"
        raise RequestError(problem, file=file, hint=_nearest(file))
    if file.suffix not in SUFFIXES:
        raise RequestError(f"has the ending {file.suffix!r}", file=file, hint="use .yaml or .py")


def _nearest(file: Path) -> str | None:
    """The file beside it or the example that was probably meant."""
    examples = example_files()
    name = file.stem if file.suffix in SUFFIXES else file.name
    folder = file if file.is_dir() else file.parent
    beside = (
        {f.stem: f for f in folder.glob("*") if f.suffix in SUFFIXES} if folder.is_dir() else {}
    )
    if similar := difflib.get_close_matches(name, beside, n=1, cutoff=0.7):
        return f"did you mean {str(beside[similar[0]])!r}?"
    if similar := difflib.get_close_matches(name, examples, n=1, cutoff=0.7):
        return f"did you mean {_shown(examples[similar[0]])}?"
    return "rllib example list shows the tuned configs" if not beside else None


def _shown(example: Path) -> str:
    """A tuned config as a path below the current folder, else as the command that runs it."""
    try:
        return repr(str(example.relative_to(Path.cwd())))
    except ValueError:
        name = next(name for name, file in example_files().items() if file == example)
        return f"rllib example run {name}"
