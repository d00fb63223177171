"""One owner per experiment in object storage; of folders see :mod:`.folder_lock`.

Every candidate writes an object of its own, ``.lock.TOKEN``, and then lists them all. Object storage shows a
list what was written before it, so of two candidates at least one sees the other, and whoever sees another
one withdraws: it may be both, which try again, but never none.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files import object_storage
from rllib_zoo.experiments.provenance.folder_lock import (
    EXPIRY_S,
    LOCK,
    InUseError,
    Owner,
    this_owner,
)
from rllib_zoo.experiments.provenance.process_identity import is_running

# Seconds between two signs of life; each is a request to the server.
HEARTBEAT_S = 10.0
# How often two candidates that saw each other try again, and the longest pause in seconds.
_ATTEMPTS, _PAUSE_S = 5, 1.0


class BucketLock:
    """The lock of an experiment in object storage, see :class:`folder_lock.Lock`.

    While it is held, a thread writes its object again every :data:`HEARTBEAT_S` seconds. Owners on the same
    machine are judged by their process, others by that sign of life, on the server's clock.

    Args:
        folder: the local copy of the experiment.
        on_loss: called by that thread after this process was stopped for so long that another took over.
    """

    def __init__(self, folder: Path, on_loss: Callable[[Owner], None] | None = None):
        self.folder = folder
        self._on_loss = on_loss
        self._owner: Owner | None = None
        self._mutex = threading.Lock()

    def acquire(self) -> None:
        """As of a folder's lock.

        Raises:
            InUseError: there is another owner.
            OSError: the server cannot be reached.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = this_owner()
        for attempt in range(1, _ATTEMPTS + 1):
            self._write(owner)
            others = self._others(owner)
            if not others:
                break
            self._delete(owner)
            if attempt == _ATTEMPTS or any(other.get("owns") for other in others):
                raise InUseError(self.folder, others[0])
            time.sleep(random.uniform(0, _PAUSE_S))
        owner["owns"] = True
        self._write(owner)
        self._owner = owner
        threading.Thread(target=self._beat, args=(owner,), daemon=True).start()

    def release(self) -> None:
        """As of a folder's lock."""
        with self._mutex:
            owner, self._owner = self._owner, None
        if owner is not None:
            with suppress(OSError):
                self._delete(owner, attempts=1)

    def holder(self) -> Owner | None:
        """As of a folder's lock."""
        return next(iter(self._others(None)), None)

    def has_no_other_owner(self) -> bool:
        """Whether the experiment belongs to no other process."""
        return not self._others(self._owner)

    def rename(self, folder: Path) -> None:
        """Rename the experiment, which this process owns, and own a new one of its name.

        Raises:
            InUseError: another process began the new one first.
            OSError: the server cannot be reached.
        """
        with self._mutex:
            owner, self._owner = self._owner, None
        object_storage.rename(self.folder, folder)
        if owner is not None:
            self._filesystem().delete_file(f"{object_storage.key_of(folder)}/{_name(owner)}")
        self.acquire()

    def _others(self, own: Owner | None) -> list[Owner]:
        """The running owners and candidates except this one; objects of dead ones are deleted."""
        from pyarrow import fs

        filesystem, key = self._filesystem(), object_storage.key_of(self.folder)
        found = filesystem.get_file_info(fs.FileSelector(key, allow_not_found=True))
        locks = {info.base_name: info for info in found if info.base_name.startswith(f"{LOCK}.")}
        others: list[Owner] = []
        for name, info in locks.items():
            if own is not None and name == _name(own):
                continue
            other = _read(filesystem, info.path)
            if other is None:
                continue  # it was released just now
            if self._is_alive(other, info.mtime.timestamp()):
                others.append(other)
            else:
                with suppress(OSError):
                    filesystem.delete_file(info.path)
        return others

    def _is_alive(self, owner: Owner, seen_at: float) -> bool:
        running = is_running(owner)
        return self._server_time() - seen_at <= EXPIRY_S if running is None else running

    def _server_time(self) -> float:
        """The server's time, in seconds as in modification times."""
        probe = this_owner()
        key = f"{object_storage.key_of(self.folder)}/.time.{probe['token']}"
        filesystem = self._filesystem()
        with filesystem.open_output_stream(key) as stream:
            stream.write(b"")
        seconds = filesystem.get_file_info(key).mtime.timestamp()
        filesystem.delete_file(key)
        return float(seconds)

    def _beat(self, owner: Owner) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            with self._mutex, suppress(OSError):
                if self._owner is not owner:
                    return
                if self._is_lost(owner):
                    self._owner = None
                    break
                self._write(owner, attempts=1)
        if self._on_loss is not None:
            self._on_loss(self.holder() or {})

    def _is_lost(self, owner: Owner) -> bool:
        from pyarrow import fs

        info = self._filesystem(attempts=1).get_file_info(self._key(owner))
        return bool(info.type == fs.FileType.NotFound)

    def _write(self, owner: Owner, attempts: int | None = None) -> None:
        key = self._key(owner)
        with self._filesystem(attempts).open_output_stream(key) as stream:
            stream.write(json.dumps(owner).encode())

    def _delete(self, owner: Owner, attempts: int | None = None) -> None:
        self._filesystem(attempts).delete_file(self._key(owner))

    def _key(self, owner: Owner) -> str:
        return f"{object_storage.key_of(self.folder)}/{_name(owner)}"

    def _filesystem(self, attempts: int | None = None) -> Any:
        bucket = object_storage.bucket_of(self.folder)
        assert bucket is not None
        return bucket.filesystem(attempts)


def _read(filesystem: Any, key: str) -> Owner | None:
    """A candidate's object; None without it.

    Raises:
        OSError: the server cannot be reached.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with filesystem.open_input_stream(key) as stream:
                owner: Owner = json.loads(stream.read())
            return owner
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            # PyArrow asks for the size first, which may have changed before it reads.
            if attempt == _ATTEMPTS and isinstance(error, OSError):
                raise
            time.sleep(_PAUSE_S / 10)
    return {"token": "damaged"}


def _name(owner: Owner) -> str:
    return f"{LOCK}.{owner['token']}"
