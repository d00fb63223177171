"""The memory of the command's own process, which stays for hours: allocators that give back what is free."""

from __future__ import annotations

import ctypes
import os
import platform

# `M_ARENA_MAX` of glibc's malloc.h, and its value: one for the main thread, one for all of Ray's.
ARENA_MAX = -8
ARENAS = 2
# Read by PyArrow when it is imported.
ARROW_POOL = "ARROW_DEFAULT_MEMORY_POOL"


def limit_memory() -> None:
    """Keep threads from holding free memory; to be called before PyArrow is imported.

    Ray's thirty threads had a malloc arena each, which fragmented, and PyArrow's own allocator held up to
    18 MiB of free pages: see "Long runs" in docs/reliability.md. What is set in the environment goes first.
    """
    if platform.libc_ver()[0] == "glibc" and "MALLOC_ARENA_MAX" not in os.environ:
        # Of this process alone.
        ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS)
    os.environ.setdefault(ARROW_POOL, "system")
