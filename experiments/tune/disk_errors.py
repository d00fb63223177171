"""A results folder that cannot be written to any more: told from other failures, and said in a line."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Full, over quota, read-only, broken: none of them goes away by trying again.
_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_IN_TEXT = re.compile(rf"\[Errno ({'|'.join(map(str, _FAULTS))})\]")


class DiskFaultError(Exception):
    """Nothing more can be written; ends the whole experiment, whose trials stay resumable."""


def raise_if_of_disk(trial: Any) -> None:
    """End the experiment where a trial failed for want of a disk: a retry would only fail again.

    Args:
        trial: Tune's, failed; its error is known as text.

    Raises:
        DiskFaultError: as said.
    """
    file = trial.error_file
    text = Path(file).read_text(errors="replace") if file and Path(file).exists() else ""
    # Of several failures the last.
    found = _IN_TEXT.search(text.rpartition("Failure #")[2])
    if found:
        raise DiskFaultError(os.strerror(int(found[1])))


def disk_fault(error: BaseException) -> str | None:
    """The disk's reason behind an error, in the system's words; None where it is another."""
    for link in _chain(error):
        if isinstance(link, DiskFaultError):
            return str(link)
        if isinstance(link, OSError) and link.errno in _FAULTS:
            return os.strerror(link.errno)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
