"""Settings of a process: threads, floating-point formats and memory allocation."""

from __future__ import annotations

import contextlib
import ctypes
import os
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
# Forward in sampling and in learning, backward for inputs and for weights, and two for another batch size.
# With half as many CartPole takes a fifth more processor time.
KERNELS_PER_LAYER = 6
# The variables of torch and of oneDNN, and what is set here.
KERNEL_CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
_kernels: dict[str, int] = {}


def set_up_process(config: Any, *, threads: int | None) -> None:
    """Set threads, matrix multiplication precision and memory allocation of this process.

    Called once per env runner and learner.

    Args:
        config: of the algorithm.
        threads: of :func:`num_threads`; None leaves torch's choice. With any number torch itself uses
            one thread, because its threads spin while they wait and slow down those of
            :class:`ThreadPool`. So does NumPy's BLAS: 64 x 256 times 256 x 256 took 27 times the
            processor time with two threads.
    """
    if threads is not None:
        torch.set_num_threads(1)
        threadpool_limits(1, user_api="blas")
    torch.set_float32_matmul_precision(config.float32_matmul_precision)
    keep_freed_memory()


def num_threads(config: Any, *, cpus: float) -> int | None:
    """Number of threads of one process, for emulator, network and gradients.

    Args:
        config: ``torch_num_threads``; ``auto`` is the number of CPUs reserved for the process.
        cpus: reserved CPUs.
    """
    threads = config.torch_num_threads
    return max(int(cpus), 1) if threads == AUTO else threads


def learner_cpus(config: Any) -> float:
    """CPUs reserved for the process of a learner."""
    if config.num_learners == 0:
        return float(config.num_cpus_for_main_process)
    cpus = config.num_cpus_per_learner
    return 1.0 if cpus == AUTO else float(cpus)


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of returning it to the kernel; no effect without glibc.

    By default every activation of 128 KiB or more is mapped, zeroed by the kernel page by page and
    unmapped again: Pong's 42x42 network trains 1.5 times faster without. The process keeps its peak
    memory.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, 1024 * _MIB)
        mallopt(_M_TOP_PAD, 64 * _MIB)
        mallopt(_M_MMAP_THRESHOLD, 1024 * _MIB)


def limit_kernel_caches(network: torch.nn.Module) -> None:
    """Let torch keep few compiled CPU kernels, unless the user's environment sets how many.

    Convolutions, and matrix products in bfloat16, are compiled for every number of rows, and batches differ
    in it by the steps that reset an environment. torch and oneDNN each keep 1,024 kernels of up to a MiB:
    100 MiB on CartPole. The first such operation of a process fixes the limits.

    Args:
        network: whose layers determine how many are needed.
    """
    layers = sum(parameter.dim() > 1 for parameter in network.parameters())
    for name in KERNEL_CACHES:
        if name not in os.environ:
            _kernels[name] = 0
        if name in _kernels:  # a learner's network may be larger than its runner's
            _kernels[name] = max(_kernels[name], KERNELS_PER_LAYER * layers, 1)
            os.environ[name] = str(_kernels[name])


def forward_context(
    setting: bool | str, device: torch.device
) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Context manager of a forward pass: bfloat16 autocast, or none.

    Args:
        setting: ``autocast`` of the configuration; ``auto``: if bfloat16 is fast.
        device: of the network.
    """
    if uses_bfloat16(setting, device):
        return lambda: torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext


def uses_bfloat16(setting: bool | str, device: torch.device | None = None) -> bool:
    """Whether ``autocast`` uses bfloat16 on this device (None: the CPU)."""
    if setting == AUTO:
        return bfloat16_is_fast(device or torch.device("cpu"))
    return bool(setting)


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 in hardware: AVX512-BF16, AMX, or a GPU with support.

    Other processors emulate it, slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in probes)


# Minimum rows per chunk: below it dispatching a chunk costs more than computing it.
MIN_ROWS = {"forward": 4, "backward": 32}

Item = TypeVar("Item")
Result = TypeVar("Result")


class ThreadPool:
    """A thread pool in which torch's own threading is off.

    torch's threads split every single operation and spin at its end; a backward pass of small
    operations gains 1.2 to 1.7 times from two of them, and 1.9 times from two threads that each
    process half of the rows. The interpreter lock is released while operations run.
    """

    def __init__(self, size: int):
        self.size = size
        self._pool = ThreadPoolExecutor(size, "pool", initializer=_use_one_torch_thread)
        # torch.set_num_threads also sets the default of later threads: start all threads of the
        # pool now, together, and restore the caller's setting afterwards.
        before = torch.get_num_threads()
        started = Barrier(size)
        list(self._pool.map(lambda _: started.wait(), range(size)))
        torch.set_num_threads(before)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results in the items' order; the first error is raised."""
        return list(self._pool.map(function, items))

    def num_chunks(self, rows: int, kind: str) -> int:
        """Number of chunks to split so many rows into, for a ``forward`` or ``backward`` pass."""
        return max(min(self.size, rows // MIN_ROWS[kind]), 1)


@cache
def thread_pool(size: int) -> ThreadPool:
    """This process's pool of that size; env runner and learner share it."""
    return ThreadPool(size)


def pool_for(device: torch.device, threads: int | None) -> ThreadPool | None:
    """The pool for a network on ``device``; None with one thread or a GPU."""
    return thread_pool(threads) if device.type == "cpu" and threads and threads > 1 else None


def _use_one_torch_thread() -> None:
    # A thread takes over the process's setting at its first call: get, then set.
    torch.get_num_threads()
    torch.set_num_threads(1)
