"""A limit on the size of files this process writes, as ``ulimit -f`` sets it."""

from __future__ import annotations

import contextlib
import resource


@contextlib.contextmanager
def size_limit(size: int):
    """Within it no file grows beyond ``size`` bytes: writes fail with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
