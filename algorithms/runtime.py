"""How a process computes: threads, number formats, memory. No fact about learning stands here."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

AUTO = "auto"

# glibc's mallopt parameters (malloc.h).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MIB = 2**20


def set_up_process(config: Any, *, threads: int | None) -> None:
    """Threads, multiplication precision and memory of this process; once per runner and learner.

    Args:
        config: an OnPolicyConfig.
        threads: of :func:`num_threads`; None leaves torch's choice. With any other number torch
            itself uses one thread: more are a matter of :mod:`rllib_zoo.algorithms.runtime`, whose threads
            torch's would hinder (they spin while they wait). So does numpy's library of matrices:
            64 x 256 times 256 x 256 took 27 times the processor's time on two threads.
    """
    if threads is not None:
        torch.set_num_threads(1)
        threadpool_limits(1, user_api="blas")
    torch.set_float32_matmul_precision(config.float32_matmul_precision)
    keep_freed_memory()


def num_threads(config: Any, *, cpus: float) -> int | None:
    """Threads for emulator, network and gradients of one process.

    Args:
        config: ``torch_num_threads`` decides; ``auto`` takes the CPUs set aside for the process.
        cpus: these CPUs.
    """
    wanted = config.torch_num_threads
    return max(int(cpus), 1) if wanted == AUTO else wanted


def learner_cpus(config: Any) -> float:
    """CPUs set aside for the process a learner is in."""
    if config.num_learners == 0:
        return float(config.num_cpus_for_main_process)
    cpus = config.num_cpus_per_learner
    return 1.0 if cpus == AUTO else float(cpus)


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors instead of giving it back to the kernel.

    By default every activation of 128 KiB or more is mapped, zeroed by the kernel page by page and
    unmapped again: Pong's 42x42 network trains 1.5 times faster without. A process stays at its
    peak memory. Elsewhere than on glibc nothing happens.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, 1024 * _MIB)
        mallopt(_M_TOP_PAD, 64 * _MIB)
        mallopt(_M_MMAP_THRESHOLD, 1024 * _MIB)


def forward_context(
    setting: bool | str, device: torch.device
) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """What a forward pass runs in: bfloat16 autocast, or nothing.

    Args:
        setting: ``autocast`` of the configuration; ``auto`` means where bfloat16 is fast.
        device: where the network is.
    """
    if uses_bfloat16(setting, device):
        return lambda: torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext


def uses_bfloat16(setting: bool | str, device: torch.device | None = None) -> bool:
    """What ``autocast`` means on this device (None: this machine's processor)."""
    if setting == AUTO:
        return bfloat16_is_fast(device or torch.device("cpu"))
    return bool(setting)


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 in hardware: AVX512-BF16, AMX, or the GPU says so.

    Elsewhere processors emulate it, slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in probes)


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
