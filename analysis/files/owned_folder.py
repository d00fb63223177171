"""Temporary folders that belong to a process: removed with it, or by the next command after a kill."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "rllib-"
# Locked as long as the process lives.
OWNER = ".owner"


def owned_folder(parent: Path) -> Path:
    """A new folder below ``parent``, which :func:`remove_abandoned` removes once this process has ended."""
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    # Neither closed nor inherited: released when this process ends.
    fcntl.flock(os.open(folder / OWNER, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
    # Another command may have found the lock free for a moment.
    return folder if folder.exists() else owned_folder(parent)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of this user's processes that were killed."""
    for file in parent.glob(f"{PREFIX}*/{OWNER}"):
        # Another user's cannot be opened, one in use not locked.
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.getuid():
                    shutil.rmtree(file.parent, ignore_errors=True)
            finally:
                os.close(descriptor)
