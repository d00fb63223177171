"""Check the paths of config files, before the imports that reading them needs."""

from __future__ import annotations

import re
from pathlib import Path

from rllib_zoo.experiments.errors import RequestError


def require_file(file: Path) -> None:
    """Check that a path is a local YAML or Python file.

    Raises:
        RequestError: names the file and what is wrong.
    """
    if re.match(r"[a-z0-9+]+:/", str(file)):
        raise RequestError("is a URL, but files must be local", file=file, hint="download it first")
    if not file.is_file():
        raise RequestError("is not a file" if file.exists() else "does not exist", file=file)
    if file.suffix not in (".yaml", ".yml", ".py"):
        raise RequestError(f"has the ending {file.suffix!r}", file=file, hint="use .yaml or .py")
