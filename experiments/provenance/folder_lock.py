"""A folder has one owner: the process whose lock file ``.lock`` is in it.

It works on shared file systems, too: all it needs is that creating a hard link fails where the name
exists, and that renaming a file is atomic. ``filelock`` is not used, because it takes over the lock of a
killed process by exchanging two names, which NFS does not support: there such a lock would stay forever.

Taking over a lock is a race that one process has to win. The lock of token T may be replaced or removed
only by the process that created ``.lock.T.claim``. If that process is killed before it has done so, whoever
claims the claim continues. A claim counts only while the lock is still that of T.
"""

from __future__ import annotations

import datetime
import errno
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from rllib_zoo.analysis.files.trials import read_object
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import same_command
from rllib_zoo.experiments.provenance.exclusive_file import link, modified
from rllib_zoo.experiments.provenance.process_identity import current_process, is_running

LOCK = ".lock"
# Seconds between two signs of life, and without one until the owner on another machine counts as dead.
HEARTBEAT_S = 5.0
EXPIRY_S = 60.0
# Pause between attempts while another process takes over, which lasts milliseconds, and how many there are.
_PAUSE_S = 0.01
_ATTEMPTS = 300

Owner = dict[str, Any]


class InUseError(RequestError):
    """A folder has another owner.

    Attributes:
        owner: who it is.
    """

    def __init__(self, folder: Path, owner: Owner):
        self.owner = owner
        super().__init__(
            f"is in use by {describe(owner)}",
            file=folder,
            hint="wait until it has ended, or use another folder",
        )


class Lock(Protocol):
    """What a lock on results offers, wherever they are stored."""

    folder: Path

    def acquire(self) -> None:
        """Become the owner.

        Raises:
            InUseError: there is another one.
        """

    def release(self) -> None:
        """Give the folder up; nothing happens without owning it."""

    def holder(self) -> Owner | None:
        """The running owner; None without one."""

    def has_no_other_owner(self) -> bool:
        """Whether the folder of this name, which may be a new one, belongs to no other process."""

    def rename(self, folder: Path) -> None:
        """Rename the folder, which this process owns, and own a new one of its name.

        Raises:
            InUseError: another process began the new one first.
        """


def describe(owner: Owner) -> str:
    """An owner in words: process, host, since when, command."""
    pid, host, since, command = (owner.get(key) for key in ("pid", "host", "since", "command"))
    if pid is None:
        return f"another command, which {LOCK} does not name"
    return f"process {pid} on {host} since {since}: {command}"


class FolderLock:
    """The lock of a folder of a file system, see :class:`Lock`.

    While it is held, a thread touches it every :data:`HEARTBEAT_S` seconds. Owners on the same machine are
    judged by their process, others by that sign of life, on the file server's clock.

    Args:
        folder: created where it is missing.
        on_loss: called by that thread with the new owner after this process was stopped for so long that
            another machine took over; the folder must not be written to any more.
    """

    def __init__(self, folder: Path, on_loss: Callable[[Owner], None] | None = None):
        self.folder = folder
        self._on_loss = on_loss
        self._owner: Owner | None = None
        # The thread that touches the lock, and everything else that changes it, exclude each other.
        self._mutex = threading.Lock()

    def acquire(self) -> None:
        """See :class:`Lock`.

        Raises:
            InUseError: there is another owner.
            OSError: the folder cannot be written.
        """
        owner = this_owner()
        for _ in range(_ATTEMPTS):
            if self._acquire(owner):
                break
            time.sleep(_PAUSE_S)
        else:
            raise OSError(errno.EBUSY, "cannot be locked", str(self.folder / LOCK))
        self._owner = owner
        arguments = (owner, os.stat(self.folder))
        threading.Thread(target=self._beat, args=arguments, daemon=True).start()

    def release(self) -> None:
        """See :class:`Lock`; a folder with nothing else in it is removed."""
        with self._mutex:
            owner, self._owner = self._owner, None
            if owner is not None:
                with suppress(OSError):
                    self._release(owner)
                with suppress(OSError):
                    self.folder.rmdir()

    def holder(self) -> Owner | None:
        """See :class:`Lock`."""
        owner = self._read(LOCK)
        return owner if owner and self._is_alive(LOCK, owner) else None

    def has_no_other_owner(self) -> bool:
        """Whether the folder of this name, which may be a new one, belongs to no other process."""
        other = self.holder()
        return other is None or (self._owner or {}).get("token") == other["token"]

    def rename(self, folder: Path) -> None:
        """Rename the folder, which this process owns, and own a new one of its name.

        Raises:
            InUseError: another process began the new one first.
            OSError: it cannot be renamed.
        """
        with self._mutex:
            self.folder.rename(folder)
            renamed = FolderLock(folder)
            renamed._owner, self._owner = self._owner, None
        try:
            self.acquire()
        finally:
            renamed.release()

    def _release(self, owner: Owner) -> None:
        draft = self._draft(this_owner())
        try:
            # Without the claim, another process is taking over.
            if link(draft, self._claim(owner)):
                if self._read(LOCK).get("token") == owner["token"]:
                    (self.folder / LOCK).unlink()
                self._claim(owner).unlink()
        finally:
            draft.unlink(missing_ok=True)

    def _acquire(self, owner: Owner) -> bool:
        """One attempt; False: something changed meanwhile."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self._draft(owner)
        except (FileExistsError, FileNotFoundError):
            if os.path.lexists(self.folder) and not self.folder.is_dir():
                raise
            return False  # its owner released and removed it just now
        try:
            lock = self.folder / LOCK
            if link(draft, lock):
                return True
            current = self._read(LOCK)
            if not current:
                return False
            last = self._last_claimant(current)
            if last is None or not link(draft, self._claim(last)):
                return False
            if self._read(LOCK).get("token") != current["token"]:
                self._claim(last).unlink(missing_ok=True)
                return False
            draft.replace(lock)
            for claim in self.folder.glob(f"{LOCK}.*.claim"):
                if claim != self._claim(owner):
                    claim.unlink(missing_ok=True)
            return True
        except FileNotFoundError:  # its owner renamed it just now
            return False
        finally:
            draft.unlink(missing_ok=True)

    def _last_claimant(self, owner: Owner) -> Owner | None:
        """The dead process at the end of the chain of claims; None: it has changed meanwhile.

        Raises:
            InUseError: a process in the chain runs.
        """
        if self._is_alive(LOCK, owner):
            raise InUseError(self.folder, owner)
        lock = owner
        for _ in range(_ATTEMPTS):
            claim = self._claim(owner).name
            claimant = self._read(claim)
            if not claimant:
                return owner
            if not self._is_alive(claim, claimant):
                owner = claimant
                continue
            time.sleep(_PAUSE_S)
            if self._read(LOCK).get("token") != lock["token"]:
                return None
        raise InUseError(self.folder, claimant)

    def _is_alive(self, name: str, owner: Owner) -> bool:
        """Whether the owner of a lock or claim runs, as far as this machine can know."""
        running = is_running(owner)
        if running is not None:
            return running
        file = self.folder / name
        first = modified(file)
        if first is None or abs(self._server_time() - first) <= EXPIRY_S:
            return first is not None
        # The clock may have been set: only what gives no sign of life for a while is dead.
        deadline = time.monotonic() + 2 * HEARTBEAT_S
        while time.monotonic() < deadline:
            time.sleep(HEARTBEAT_S / 10)
            if modified(file) != first:
                return modified(file) is not None
        return False

    def _server_time(self) -> float:
        """The file server's time, in seconds as in modification times."""
        probe = self.folder / f"{LOCK}.{secrets.token_hex(8)}.time"
        try:
            probe.touch()
            return probe.stat().st_mtime
        except OSError:
            return time.time()
        finally:
            with suppress(OSError):
                probe.unlink()

    def _draft(self, owner: Owner) -> Path:
        draft = self.folder / f"{LOCK}.{owner['token']}.draft"
        draft.write_text(json.dumps(owner) + "\n", encoding="utf-8")
        return draft

    def _claim(self, owner: Owner) -> Path:
        return self.folder / f"{LOCK}.{owner['token']}.claim"

    def _read(self, name: str) -> Owner:
        """The owner in a file; empty without one. Of a damaged file only a token is known."""
        for _ in range(3):
            owner = read_object(self.folder / name)
            if str(owner.get("token")).isalnum() and owner.get("token"):
                return owner
            if modified(self.folder / name) is None:
                return {}
            time.sleep(_PAUSE_S)  # without hard links a file is empty for a moment
        return {"token": "damaged"}

    def _beat(self, owner: Owner, owned: os.stat_result) -> None:
        """Touch the lock in the ``owned`` folder, which may be renamed, until it is released or lost."""
        beat_at = _now()
        while self._owner is owner:
            with self._mutex, suppress(OSError):
                if self._owner is not owner:
                    return
                current = self._read(LOCK)
                if current.get("token") == owner["token"]:
                    os.utime(self.folder / LOCK)
                    beat_at = _now()
                # Without a lock, another process may have come and gone while this one was stopped.
                elif current or _now() - beat_at > EXPIRY_S:
                    self._owner = None
                    break
                elif os.path.samestat(os.stat(self.folder), owned):
                    draft = self._draft(owner)
                    link(draft, self.folder / LOCK)
                    draft.unlink()
            time.sleep(HEARTBEAT_S)
        else:
            return
        if self._on_loss is not None:
            self._on_loss(current)


def this_owner() -> Owner:
    """This process and its command, with a new token."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    identity = {"since": now, "command": same_command(), "token": secrets.token_hex(8)}
    return {**current_process(), **identity}


def _now() -> float:
    """Seconds on a clock that nobody sets and that also runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
