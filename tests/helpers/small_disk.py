"""A real disk that is full or read-only whenever a test wants it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs of its own; the root user ignores permissions, but not this."""

    def __init__(self, folder: Path, size: str):
        self.folder = folder
        self._filler = folder / ".filler"
        folder.mkdir()
        self._run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))

    def fill(self, leave: int = 0) -> None:
        """Write until nothing more fits, then give ``leave`` bytes back."""
        with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        os.truncate(self._filler, max(self._filler.stat().st_size - leave, 0))

    def empty(self) -> None:
        """Take away what fills it."""
        self._filler.unlink()

    def read_only(self) -> None:
        """Let nothing more be written; the kernel refuses that while a file is open for writing."""
        self._run("mount", "-o", "remount,ro", str(self.folder))

    def remove(self) -> None:
        """Take the disk away, whoever still has a file open there."""
        self._run("umount", "-l", str(self.folder))

    @staticmethod
    def _run(*words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk of one's own here: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(folder: Path, size: str):
    """The disk, for a test; skips with mount's reason where mounting is not allowed."""
    disk = SmallDisk(folder, size)
    try:
        yield disk
    finally:
        disk.remove()
