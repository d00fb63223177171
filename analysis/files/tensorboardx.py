"""Importing tensorboardX without torch, which it imports where it is installed, to name a type."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_torch() -> Iterator[None]:
    """Let torch look absent while the block imports tensorboardX, which then works as without torch.

    That import takes more than a second and 200 MiB. No effect where torch is imported already.
    """
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # Python's own mark of an absent module
    try:
        yield
    finally:
        del sys.modules["torch"]
