"""Files that are whole or not there: written aside, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_aside(file: Path) -> Iterator[Path]:
    """A draft to write, renamed to ``file`` when the block ends and removed when it fails.

    A reader sees the earlier file or the whole new one, also after a kill, a full disk or a power cut.

    Args:
        file: what the draft becomes; its folder is made where it is missing.

    Raises:
        OSError: nothing can be written there; the earlier file is as it was.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(file)
    try:
        yield draft
        put_in_place(draft, file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def draft_of(file: Path) -> Path:
    """Where a file is written before it is whole: hidden, beside it, of this process alone."""
    return file.with_name(f".{file.name}.{os.getpid()}.draft")


def put_in_place(draft: Path, file: Path) -> None:
    """Rename a whole draft over ``file``.

    Its content goes to the disk first: a power cut may otherwise leave the new name with nothing in it.
    """
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(file)


def write_json(file: Path, content: Any, indent: int = 1) -> None:
    """Write data as JSON, whole or not at all."""
    with written_aside(file) as draft:
        draft.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
