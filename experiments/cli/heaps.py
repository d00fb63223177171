"""The heaps of the command's own process in long runs."""

from __future__ import annotations

import ctypes
import os
import platform

# `M_ARENA_MAX` of glibc's malloc.h, and how many: one for the main thread, one for all of Ray's.
ARENA_MAX = -8
HEAPS = 2


def share_heaps() -> bool:
    """Let the threads to come allocate from two heaps together, not from one each.

    The thirty threads that Ray has in the process of the command leave holes in heaps of their own.
    With a result every two seconds it grew by 32 MiB an hour instead of 47, see "Long runs" in
    docs/reliability.md.
    Processes that are started from here, trainers and runners, keep heaps of their own.

    Returns:
        whether this process has that setting: glibc's, where ``MALLOC_ARENA_MAX`` says nothing.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    return ctypes.CDLL(None).mallopt(ARENA_MAX, HEAPS) == 1
