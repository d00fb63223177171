"""Errors of the results disk (full, a size limit, read-only, broken), which no retry of a trial can fix."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

from rllib_zoo.algorithms.base.checkpoints import NOT_SAVED
from rllib_zoo.analysis.files.object_storage import reason

_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
# In every error of PyArrow's S3 file system, which has no number.
_REMOTE = "AWS Error "
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
    # Imports Ray, which the commands that import this module may not need.
    from rllib_zoo.experiments.tune.storage import is_remote

    file = trial.error_file
    text = Path(file).read_text(errors="replace") if file and Path(file).exists() else ""
    last = text.rpartition("Failure #")[2]
    if NOT_SAVED in last:
        raise DiskFaultError("a checkpoint could not be saved completely")
    if match := _IN_TEXT.search(last):
        raise DiskFaultError(os.strerror(int(match[1])))
    if is_remote(trial) and (lines := [line for line in last.splitlines() if _REMOTE in line]):
        raise DiskFaultError(reason(lines[-1]))


def disk_fault(error: BaseException | None) -> str | None:
    """The system's message of the disk error that caused an exception; None for other causes."""
    while error is not None:
        if isinstance(error, DiskFaultError):
            return str(error)
        if isinstance(error, OSError) and error.errno in _ERRNOS:
            return os.strerror(error.errno)
        if isinstance(error, OSError) and _REMOTE in str(error):
            return reason(str(error))
        error = error.__cause__ or error.__context__
    return None
