"""Errors of the results disk (full, a size limit, read-only, broken), which no retry of a trial can fix."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_IN_TEXT = re.compile(rf"\[Errno ({'|'.join(map(str, _ERRNOS))})\]")


class DiskFaultError(Exception):
    """Nothing more can be written; ends the whole experiment, whose trials stay resumable."""


def raise_disk_error(trial: Any) -> None:
    """End the experiment if a trial failed because of the disk.

    Args:
        trial: Tune's failed trial; only the text of its error is available.

    Raises:
        DiskFaultError: the trial's last failure was a disk error.
    """
    file = trial.error_file
    text = Path(file).read_text(errors="replace") if file and Path(file).exists() else ""
    match = _IN_TEXT.search(text.rpartition("Failure #")[2])
    if match:
        raise DiskFaultError(os.strerror(int(match[1])))


def disk_fault(error: BaseException | None) -> str | None:
    """The system's message of the disk error that caused an exception; None for other causes."""
    while error is not None:
        if isinstance(error, DiskFaultError):
            return str(error)
        if isinstance(error, OSError) and error.errno in _ERRNOS:
            return os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return None
