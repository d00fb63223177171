"""Lines for people on the error stream, so that the standard output stays data."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from rllib_zoo.analysis.files.object_storage import with_uris

# Whether lines about progress and notes are left out; errors are not.
_quiet = False
# Whether the last line of the terminal is a stage.
_shows_stage = False
# Seconds between two lines about what a command waits for.
PROGRESS_PERIOD_S = 5.0


def set_quiet(quiet: bool) -> None:
    """Leave out notes, progress lines and what is drawn on the error stream; errors are printed."""
    global _quiet
    _quiet = quiet


def show_stage(stage: str) -> None:
    """Show on a terminal what the command is doing, in a line that the next one replaces."""
    global _shows_stage
    if not _quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        clear_stage()
        print(f"{stage} …", end="", file=sys.stderr, flush=True)
        _shows_stage = True


def clear_stage() -> None:
    """Remove that line, if there is one."""
    global _shows_stage
    if _shows_stage:
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
        _shows_stage = False


def print_stderr(line: str) -> None:
    """Print a line as it is, neither wrapped nor read as markup; local copies by their URI."""
    clear_stage()
    print(with_uris(line), file=sys.stderr, flush=True)


def note(line: str) -> None:
    """Print something about the request that the user should know."""
    if not _quiet:
        print_stderr(f"note: {line}")


@contextmanager
def progress_lines(line: Callable[[], str], period_s: float = PROGRESS_PERIOD_S) -> Iterator[None]:
    """Print a line every few seconds, from a thread, while the block runs."""
    ended = threading.Event()

    def report() -> None:
        # The error stream may be closed.
        with suppress(OSError, ValueError):
            while not (ended.wait(period_s) or _quiet):
                print_stderr(line())

    thread = threading.Thread(target=report, name="progress_lines", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(period_s)


def waiting_lines(what: str) -> AbstractContextManager[None]:
    """:func:`progress_lines` with the seconds since the start."""
    start = time.monotonic()
    return progress_lines(lambda: f"{what}, {time.monotonic() - start:.0f} s")


def plain_console(*, stderr: bool = False) -> Any:
    """Rich's console for text as it is: names may look like markup or emoji codes.

    Imported at first use, for it takes a tenth of a second.
    """
    from rich.console import Console

    return Console(
        stderr=stderr,
        quiet=stderr and _quiet,
        highlight=False,
        soft_wrap=True,
        markup=False,
        emoji=False,
    )
