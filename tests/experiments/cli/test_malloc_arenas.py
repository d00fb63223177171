"""How many heaps the threads of a process have."""

import os
import platform
import subprocess
import sys

import pytest

# Eight threads that allocate at the same time; glibc describes every heap it has.
COUNT = """
import ctypes, sys, tempfile, threading
from rllib_zoo.experiments.cli.main import limit_malloc_arenas

if "share" in sys.argv:
    print(limit_malloc_arenas())
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


def told(*words, **environment):
    return subprocess.run(
        [sys.executable, "-c", COUNT, *words],
        env={k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"} | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


@pytest.mark.skipif(not GLIBC, reason="counts the heaps of glibc")
def test_threads_share_two_heaps():
    shared, heaps = told("share")
    assert shared == "True"
    assert int(heaps) == 2
    (apart,) = told()
    assert int(apart) > 2


@pytest.mark.skipif(not GLIBC, reason="counts the heaps of glibc")
def test_the_environment_goes_first():
    shared, heaps = told("share", MALLOC_ARENA_MAX="4")
    assert shared == "False"
    assert int(heaps) == 4
