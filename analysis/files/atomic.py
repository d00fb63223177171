"""Atomic writes: to a draft beside the file, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(file: Path, *, durable: bool = True) -> Iterator[Path]:
    """A draft to write, renamed to ``file`` when the block ends and removed when it fails.

    A reader sees either the old file or the complete new one, also after a kill or with a full disk.

    Args:
        file: what the draft becomes; a missing folder is created.
        durable: also survive a power cut, which may otherwise leave an empty file under the new name.
            Costs up to 0.1 s per file; not needed for what a command can regenerate.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(file)
    try:
        yield draft
        if durable:
            _to_disk(draft)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def draft_of(file: Path) -> Path:
    """The hidden file beside ``file`` that this process writes first."""
    return file.with_name(f".{file.name}.{os.getpid()}.draft")


def write_json(file: Path, content: Any, indent: int = 1) -> None:
    """Write data as JSON, atomically."""
    with atomic_write(file) as draft:
        draft.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")


def _to_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
