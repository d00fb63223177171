"""Atomic writes: to a draft beside the file or folder, then renamed."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

# Arguments of Linux's renameat2: paths relative to the current folder, and exchange both.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
# Process ids alone are not unique where containers or machines share a folder.
_PROCESS = secrets.token_hex(4)


@contextmanager
def atomic_write(file: Path, *, durable: bool = True, overwrite: bool = True) -> Iterator[Path]:
    """A draft to write, renamed to ``file`` when the block ends and removed when it fails.

    A reader sees either the old file or the complete new one, also after a kill or with a full disk.

    Args:
        file: what the draft becomes; a missing folder is created.
        durable: also survive a power cut, which may otherwise leave an empty file under the new name.
            Costs up to 0.1 s per file; not needed for what a command can regenerate.
        overwrite: replace an existing file instead of raising.

    Raises:
        FileExistsError: the file exists, and ``overwrite`` is not set.
        OSError: the file cannot be written; it names ``file``, and the old one is unchanged.
    """
    draft = draft_of(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        if durable:
            _to_disk(draft)
        if overwrite:
            draft.replace(file)
        else:
            os.link(draft, file)
            draft.unlink()
    except BaseException as error:
        with suppress(OSError):  # such as a read-only disk's
            draft.unlink(missing_ok=True)
        raise _naming(file, error) from None


@contextmanager
def atomic_folder(
    folder: Path, names: Collection[str] = (), aside: Path | None = None
) -> Iterator[Path]:
    """A draft folder to fill, exchanged for ``folder`` when the block ends and removed when it fails.

    Where ``folder`` contains something else, or is in use as the current folder or a mount point, it
    stays, and the entries are exchanged one after another, the last of ``names`` last.

    Args:
        folder: what the draft becomes; missing parents are created.
        names: entries that may be replaced; old ones that the draft lacks are removed.
        aside: new name of an old folder, whatever it contains; None: it is not kept.

    Raises:
        OSError: something cannot be written; it names ``folder``, whose content is unchanged.
    """
    final = folder.resolve()
    whole = aside is not None or _replaceable(final, names)
    draft = draft_of(final if whole else final / final.name)
    try:
        draft.mkdir(parents=True)
        yield draft
        old = final.exists()
        for name in () if whole else names:
            if (draft / name).exists():
                exchange(draft / name, final / name)
            elif (final / name).exists():
                (final / name).rename(draft / name)
        if whole:
            exchange(draft, final)
        if aside is not None and old:
            draft.rename(aside)
    except OSError as error:
        raise _naming(folder, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _replaceable(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder is missing, or can be replaced with all that is in it."""
    if not folder.exists():
        return True
    if folder.is_mount() or Path.cwd().is_relative_to(folder):
        return False
    return {entry.name for entry in folder.iterdir()} <= set(names)


def exchange(new: Path, old: Path) -> None:
    """Give each of two paths the other's content; a missing ``old`` is replaced.

    Atomic on Linux; elsewhere, and where the file system cannot, ``old`` is missing for an instant.
    """
    if not old.exists():
        new.rename(old)
        return
    libc = ctypes.CDLL(None)
    paths = _AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old)
    if hasattr(libc, "renameat2") and libc.renameat2(*paths, _RENAME_EXCHANGE) == 0:
        return
    aside = new.with_name(f"{new.name}.old")
    old.rename(aside)
    new.rename(old)
    aside.rename(new)


def draft_of(file: Path) -> Path:
    """The hidden file or folder beside ``file`` that this process writes first."""
    return file.with_name(f".{file.name}.{os.getpid()}-{_PROCESS}.draft")


def free_name(folder: Path) -> Path:
    """A name beside a file or folder that is to be moved aside: with the local time, and unused."""
    stem = f"{folder.name}.{time.strftime('%Y%m%d-%H%M%S')}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(path for name in names if not os.path.lexists(path := folder.with_name(name)))


def _naming(file: Path, error: BaseException) -> BaseException:
    """An exception; of the system, with the name of what was to be written: a full disk has none."""
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror, str(file))
    return error


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
