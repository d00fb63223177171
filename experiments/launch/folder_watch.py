"""A thread that ends an experiment whose folder is renamed or removed while it runs.

Tune and its trainers would create the folder again, and leave half of the results in each.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from rllib_zoo.analysis.files.atomic import free_name
from rllib_zoo.experiments.tune import signals

INTERVAL_S = 0.5


class FolderWatch:
    """Watches a folder from :meth:`start` to :meth:`close`."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._descriptor = -1
        self._closed = threading.Event()
        self._is_gone = False
        self._place: Path | None = None

    def start(self) -> None:
        """Call when the folder exists."""
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        threading.Thread(target=self._watch, daemon=True, name="folder-watch").start()

    def close(self) -> bool:
        """End the watch; whether the folder is no longer the same one."""
        if self._descriptor >= 0 and not self._closed.is_set():
            self._is_gone = self._is_other()
            self._place = self._path_of_descriptor() if self._is_gone else None
            self._closed.set()
            os.close(self._descriptor)
        return self._is_gone

    def new_place(self) -> Path | None:
        """Where the folder is now; None if it was removed, or the system does not tell."""
        return self._place

    def set_aside(self) -> Path | None:
        """Rename a folder that was created in its place meanwhile; its new name, None without one."""
        if not os.path.lexists(self._folder):
            return None
        return self._folder.rename(free_name(self._folder))

    def _watch(self) -> None:
        while not self._closed.wait(INTERVAL_S):
            if self._is_other() and not self._closed.is_set():
                signals.end_run("its folder was renamed or removed", grace_s=0.0)
                return

    def _is_other(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self._folder), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True
        except OSError:  # a network's file system for a moment
            return False

    def _path_of_descriptor(self) -> Path | None:
        try:
            path = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))
        except OSError:
            return None
        return path if path.is_dir() else None
