"""Creating a file only where it does not exist, and its time, on shared file systems, too."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

# Where a file system has no hard links.
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)


def modified(file: Path) -> float | None:
    """Modification time; None without the file. Opening it makes NFS look it up on the server."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)


def link(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the name exists.

    NFS repeats a request whose answer was lost, and then refuses the name that it has just created.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        with suppress(OSError):
            return os.path.samefile(source, target)
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _copy(source, target)
    return True


def _copy(source: Path, target: Path) -> bool:
    """The same without hard links: the new file is empty for a moment."""
    try:
        with target.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        return False
    return True
