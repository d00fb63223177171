"""One owner per experiment folder: checked before Ray starts, decided when a run begins to write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rllib_zoo.analysis.files.atomic import free_name
from rllib_zoo.analysis.files.object_storage import bucket_of, files, reason, shown
from rllib_zoo.experiments.console import note, print_stderr
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.provenance.bucket_lock import BucketLock
from rllib_zoo.experiments.provenance.folder_lock import (
    LOCK,
    FolderLock,
    InUseError,
    Lock,
    Owner,
    describe,
)
from rllib_zoo.experiments.provenance.manifest import read_manifest

HINT = (
    "use --resume to continue it, --force to move it aside, or --experiment-name for another name"
)


def lock_of(folder: Path) -> Lock:
    """The lock of an experiment folder; losing it ends this process at once."""

    def end(owner: Owner) -> None:
        who = describe(owner) if owner else "another command"
        print_stderr(f"{folder} was taken over by {who} while this run was stopped: it ends here")
        # Nothing may be written any more: neither a checkpoint nor a status.
        os._exit(1)

    return FolderLock(folder, end) if bucket_of(folder) is None else BucketLock(folder, end)


def require_available(folder: Path, options: LaunchOptions, lock: Lock | None = None) -> None:
    """Check that a run may write into a folder.

    Args:
        folder: the experiment's.
        options: with ``--resume`` or ``--force`` its content may be there.
        lock: the folder's, if this process holds it.

    Raises:
        InUseError: another command uses it.
        RequestError: it exists.
    """
    there = folder.is_dir() or bucket_of(folder) is not None
    if lock is None and there and (owner := lock_of(folder).holder()):
        raise InUseError(folder, owner)
    if options.resume or options.force or not has_content(folder):
        return
    begun = read_manifest(folder).get("command") if lock is not None else None
    raise RequestError(
        f"{folder} exists" + (f", begun meanwhile by: {begun}" if begun else ""), hint=HINT
    )


def has_content(folder: Path) -> bool:
    """Whether there is anything but a folder with at most a lock in it."""
    if bucket_of(folder) is not None:
        return any(not name.startswith(LOCK) for name in files(folder))
    if folder.is_symlink() or not folder.is_dir():
        return os.path.lexists(folder)  # also a dangling link counts
    return any(not path.name.startswith(LOCK) for path in folder.iterdir())


@contextmanager
def owned(folder: Path, options: LaunchOptions) -> Iterator[Lock]:
    """Own an experiment folder while its run writes into it.

    Raises:
        InUseError: another command uses it.
        RequestError: it exists, or cannot be written.
    """
    lock = lock_of(folder)
    if options.force and not folder.is_dir() and os.path.lexists(folder):
        folder.rename(free_name(folder))  # a file or a link to nothing, which nobody can own
    try:
        lock.acquire()
    except OSError as error:
        raise RequestError(
            f"cannot be written: {error.strerror or reason(error)}", file=folder
        ) from None
    try:
        require_available(folder, options, lock)
        yield lock
    finally:
        lock.release()


def move_aside(lock: Lock) -> None:
    """Rename an owned folder that has content, as ``--force`` requests, and own an empty one.

    Raises:
        InUseError: another command began the empty one first.
    """
    if has_content(lock.folder):
        name = free_name(lock.folder)
        lock.rename(name)
        note(f"the earlier run was moved to {shown(name)}")
