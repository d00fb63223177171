"""Lines for people on the error stream, so that the standard output stays data."""

from __future__ import annotations

import sys
from typing import Any


def print_stderr(line: str) -> None:
    """Print a line as it is, neither wrapped nor read as markup."""
    print(line, file=sys.stderr, flush=True)


def note(line: str) -> None:
    """Print something about the request that the user should know."""
    print_stderr(f"note: {line}")


def stderr_console() -> Any:
    """Rich's console on the error stream; imported at first use, for it takes a tenth of a second."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)
