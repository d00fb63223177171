"""The memory of the command's own process, which stays for hours: what is free goes back to the system."""

from __future__ import annotations

import ctypes
import os
import platform
import time

# `M_ARENA_MAX` of glibc's malloc.h, and its value: one for the main thread, one for all of Ray's.
ARENA_MAX = -8
ARENAS = 2
# Read by PyArrow when it is imported.
ARROW_POOL = "ARROW_DEFAULT_MEMORY_POOL"
TRIM_PERIOD_S = 60.0

_next_trim = 0.0


def limit_memory() -> None:
    """Keep threads from holding free memory; to be called before PyArrow is imported.

    Ray's thirty threads had a malloc arena each, which fragmented, and PyArrow's own allocator held up to
    18 MiB of free pages: see "Long runs" in docs/reliability.md. What is set in the environment goes first.
    """
    if _is_glibc() and "MALLOC_ARENA_MAX" not in os.environ:
        # Of this process alone.
        ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS)
    os.environ.setdefault(ARROW_POOL, "system")


def trim_memory() -> bool:
    """Give free pages between malloc's blocks back, which a long run's heaps gather; once a minute at most.

    Returns:
        Whether it was due.
    """
    global _next_trim
    now = time.monotonic()
    if now < _next_trim or not _is_glibc():
        return False
    _next_trim = now + TRIM_PERIOD_S
    ctypes.CDLL(None).malloc_trim(0)
    return True


def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
