"""Threads that each compute alone on one core, instead of sharing every operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

# Below this many rows a share costs more to hand out than to compute.
MIN_ROWS = {"forward": 4, "backward": 32}

Item = TypeVar("Item")
Result = TypeVar("Result")


class ThreadTeam:
    """So many threads, each with torch's own threading switched off.

    torch's threads share every single operation and wait for each other at its end, spinning; a
    backward pass of small operations gains 1.2 to 1.7 times from two of them, and 1.9 times from
    two threads that each take half of the rows. The interpreter's lock is free while operations run.
    """

    def __init__(self, size: int):
        self.size = size
        self._pool = ThreadPoolExecutor(size, "team", initializer=_compute_alone)
        # The setting is the calling thread's, but also what later threads start with: start all
        # of the team now, together, so that the caller's own setting stands at the end.
        before = torch.get_num_threads()
        started = Barrier(size)
        list(self._pool.map(lambda _: started.wait(), range(size)))
        torch.set_num_threads(before)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results in the items' order; the first error is raised."""
        return list(self._pool.map(function, items))

    def shares(self, rows: int, kind: str) -> int:
        """Into how many shares that many rows are worth cutting for a forward or backward pass."""
        return max(min(self.size, rows // MIN_ROWS[kind]), 1)


@cache
def team_of(size: int) -> ThreadTeam:
    """This process's team of that size; runner and learner take turns with it."""
    return ThreadTeam(size)


def _compute_alone() -> None:
    # A thread adopts the process's setting at its first question: ask, then set.
    torch.get_num_threads()
    torch.set_num_threads(1)
