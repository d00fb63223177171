"""Lines to people while something runs: on the error stream, as they are."""

from __future__ import annotations

from rich.console import Console


def say(line: str) -> None:
    """Print a line, neither wrapped nor read as markup."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False)
