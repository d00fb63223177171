"""Files that are whole or not there: written aside, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_aside(file: Path, *, durable: bool = True) -> Iterator[Path]:
    """A draft to write, renamed to ``file`` when the block ends and removed when it fails.

    A reader sees the earlier file or the whole new one, also after a kill or a full disk.

    Args:
        file: what the draft becomes; its folder is made where it is missing.
        durable: so, too, after a power cut, which may otherwise leave the new name with nothing in
            it. Costs up to 0.1 s a file: not for what a command draws again.

    Raises:
        OSError: nothing can be written there; the earlier file is as it was.
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
    """Where a file is written before it is whole: hidden, beside it, of this process alone."""
    return file.with_name(f".{file.name}.{os.getpid()}.draft")


def write_json(file: Path, content: Any, indent: int = 1) -> None:
    """Write data as JSON, whole or not at all."""
    with written_aside(file) as draft:
        draft.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")


def _to_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
