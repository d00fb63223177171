"""How many heaps the threads of a process have, and that PyArrow adds none."""

import os
import platform
import subprocess
import sys

import pytest

from rllib_zoo.experiments.memory import ARROW_POOL

# Eight threads that allocate at the same time; glibc describes every heap it has.
COUNT = """
import ctypes, sys, tempfile, threading
from rllib_zoo.experiments.memory import limit_memory

if "limit" in sys.argv:
    limit_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)

def allocate():
    together.wait()
    libc.malloc(100)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tempfile.NamedTemporaryFile() as file:
    stream = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, ctypes.c_void_p(stream))
    libc.fclose(ctypes.c_void_p(stream))
    print(file.read().count(b"<heap nr="))
"""
GLIBC = platform.libc_ver()[0] == "glibc"


def printed(code, *words, **environment):
    unset = ("MALLOC_ARENA_MAX", ARROW_POOL)
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env={k: v for k, v in os.environ.items() if k not in unset} | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.skipif(not GLIBC, reason="counts the heaps of glibc")
def test_threads_share_two_heaps():
    assert int(printed(COUNT, "limit")) == 2
    assert int(printed(COUNT)) > 2


@pytest.mark.skipif(not GLIBC, reason="counts the heaps of glibc")
def test_the_environment_goes_first():
    assert int(printed(COUNT, "limit", MALLOC_ARENA_MAX="4")) == 4


def test_arrow_has_no_allocator_of_its_own():
    code = (
        "from rllib_zoo.experiments.memory import limit_memory; limit_memory()\n"
        "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    )
    assert printed(code) == "system"
    assert printed(code, **{ARROW_POOL: "mimalloc"}) == "mimalloc"


# Every second block of a heap is freed: none of it is at the top, which malloc gives back by itself.
GAPS = """
import ctypes, psutil, sys
from rllib_zoo.experiments.memory import trim_memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
blocks = [libc.malloc(ctypes.c_size_t(50_000)) for _ in range(2_000)]
for block in blocks:
    ctypes.memset(ctypes.c_void_p(block), 1, 50_000)
for block in blocks[::2]:
    libc.free(ctypes.c_void_p(block))
before = psutil.Process().memory_info().rss
due = trim_memory(), trim_memory()
print(due, (before - psutil.Process().memory_info().rss) // 2**20)
"""


@pytest.mark.skipif(not GLIBC, reason="of glibc's heaps")
def test_free_pages_within_a_heap_are_given_back_once_a_minute():
    due, mebibytes = printed(GAPS).rsplit(" ", 1)
    assert due == "(True, False)"
    # Half of 2,000 blocks have 48 MiB, in pages that no other block shares 40.
    assert int(mebibytes) > 35
