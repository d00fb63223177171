"""The folder and the process group of a Ray that the command starts: nothing of it is left behind."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rllib_zoo.analysis.files.owned_folder import owned_folder

# Of each of Ray's log files, the end is kept.
LOG_BYTES = 2**20
LOGS = "ray_logs"

_has_own_group = False


def temporary_folder() -> Path:
    """A folder for Ray's own files, removed when this process ends, or by the next command after a kill."""
    # Paths of Unix sockets have at most 107 bytes, too few for a long TMPDIR.
    folder = owned_folder(Path("/tmp"))
    # Registered before Ray's own handler, so called after Ray has ended its processes.
    atexit.register(remove, folder)
    set_password()
    return folder


def set_password() -> None:
    """Set a cluster password, which Ray would otherwise write into the home folder."""
    os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)


def remove(folder: Path) -> None:
    """Remove Ray's files; its processes may still write for a moment while they end."""
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


def keep_logs(folder: Path, experiment: Path) -> Path | None:
    """Copy the end of each of Ray's logs into an experiment's folder; the copy, None without logs."""
    target = experiment / LOGS
    for file in sorted(folder.glob("session_2*/logs/*")):
        with suppress(OSError):
            if not file.is_file() or not (size := file.stat().st_size):
                continue
            target.mkdir(exist_ok=True)
            with file.open("rb") as log:
                log.seek(max(size - LOG_BYTES, 0))
                (target / file.name).write_bytes(log.read())
    return target if target.exists() else None


def _leave_group() -> None:
    if _has_own_group:
        os.setpgid(0, 0)


os.register_at_fork(after_in_child=_leave_group)


@contextmanager
def own_process_group() -> Iterator[None]:
    """Put processes that Ray starts meanwhile into process groups of their own.

    A terminal, ``timeout`` and batch systems send signals to the command's whole group: Ray would end
    before trials have made checkpoints. On Linux only, where Ray's processes end with the command anyway.
    """
    global _has_own_group
    _has_own_group = sys.platform == "linux"
    try:
        yield
    finally:
        _has_own_group = False
