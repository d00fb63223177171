"""Thread pools in which torch's own threading is off."""

import os
import subprocess
import sys
import threading

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from rllib_zoo.algorithms.runtime import (
    KERNEL_CACHES,
    MIN_ROWS,
    ThreadPool,
    limit_kernel_caches,
    thread_pool,
)


def test_results_come_in_order_and_from_the_pool():
    pool = ThreadPool(2)
    assert pool.map(lambda x: x * x, range(20)) == [x * x for x in range(20)]
    assert threading.get_ident() not in pool.map(lambda _: threading.get_ident(), range(4))


@pytest.mark.parametrize("callers_threads", [1, 2])
def test_its_threads_use_one_thread_of_torch_and_the_caller_keeps_its_own(callers_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(callers_threads)
    try:
        pool = ThreadPool(3)
        assert pool.map(lambda _: torch.get_num_threads(), range(9)) == [1] * 9
        assert torch.get_num_threads() == callers_threads
        torch.set_num_threads(2)
        assert pool.map(lambda _: torch.get_num_threads(), range(9)) == [1] * 9
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ["forward", "backward"])
def test_chunks_have_enough_rows(kind):
    pool, least = ThreadPool(3), MIN_ROWS[kind]
    assert [pool.num_chunks(n * least, kind) for n in (0, 1, 2, 3, 4, 100)] == [1, 1, 2, 3, 3, 3]
    assert pool.num_chunks(2 * least - 1, kind) == 1


def test_one_pool_per_process_and_size():
    assert thread_pool(2) is thread_pool(2)
    assert thread_pool(2) is not thread_pool(3)


def test_a_runner_leaves_numpys_matrices_one_thread(make_runner):
    """Two threads spin for each other on networks this small."""
    with threadpool_limits(2, user_api="blas"):
        make_runner(torch_num_threads=2)
        found = {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}
    assert found == {1}


GROWTH = """
import sys, psutil, torch
from rllib_zoo.algorithms.runtime import limit_kernel_caches
torch.set_num_threads(1)
network = torch.nn.Conv2d(4, 32, 3, 2)
if sys.argv[1] == "limited":
    limit_kernel_caches(network)
def used():
    return psutil.Process().memory_full_info().uss / 2**20
network(torch.rand(99, 4, 21, 21)).sum().backward()
start = used()
for rows in range(100, 160):
    network(torch.rand(rows, 4, 21, 21)).sum().backward()
print(used() - start)
"""


def test_kernels_of_many_batch_sizes_are_not_kept():
    def growth(word):
        command = [sys.executable, "-c", GROWTH, word]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout)

    environment = {name: value for name, value in os.environ.items() if name not in KERNEL_CACHES}
    kept = growth("unlimited")
    if kept < 20:
        pytest.skip(f"torch keeps only {kept:.0f} MiB of kernels on this processor")
    assert growth("limited") < kept / 2


def test_more_layers_keep_more_kernels_and_the_users_number_stays(monkeypatch):
    for name in KERNEL_CACHES:
        monkeypatch.delenv(name, raising=False)
    small, large = (
        torch.nn.Linear(2, 2),
        torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in "abc")),
    )
    for network, number in ((small, "6"), (large, "18"), (small, "18")):
        limit_kernel_caches(network)
        assert [os.environ[name] for name in KERNEL_CACHES] == [number] * 2
    monkeypatch.delenv(KERNEL_CACHES[0])
    monkeypatch.setattr("rllib_zoo.algorithms.runtime._kernels", {})
    monkeypatch.setenv(KERNEL_CACHES[1], "500")
    limit_kernel_caches(small)
    assert [os.environ[name] for name in KERNEL_CACHES] == ["6", "500"]
