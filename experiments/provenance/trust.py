"""Whose checkpoints: unpickling runs what the file says, so only one's own are opened unasked.

Every experiment folder that the command makes is marked: ``.made-here`` holds an HMAC-SHA-256 of the
folder's place, made with a key that never leaves the user's configuration folder. Nobody else can write
such a mark, and a copied one names another place. A manifest proves nothing, as anybody can write one;
nor does a file's owner, as unpacking an archive makes its files one's own.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.experiments.errors import RequestError

MARK = ".made-here"
KEY_BYTES = 32
# From a checkpoint to its experiment: itself, the trial, the experiment.
LEVELS = 3


def key_file() -> Path:
    """Where the user's key is (XDG Base Directory Specification).

    Raises:
        RuntimeError: the user has no home folder.
    """
    given = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".config") / "rllib-zoo" / "key"


def mark_as_own(folder: Path) -> bool:
    """Mark an experiment folder as made by this user, in this place.

    Returns:
        Whether it could be: without a writable home folder there is no key.
    """
    key = _key(make=True)
    if key is None:
        return False
    with atomic_write(folder / MARK) as draft:
        draft.write_text(_mark(key, folder), encoding="ascii")
    return True


def is_own(path: Path) -> bool:
    """Whether a checkpoint, trial or experiment folder was made by this user where it is now."""
    key = _key(make=False)
    if key is None:
        return False
    here = path.resolve()
    return any(_is_marked(folder, key) for folder in (here, *here.parents)[:LEVELS])


def require_trusted(path: Path, trusted: bool, *, option: str | None = None) -> None:
    """Refuse to unpickle what is not the user's own.

    Args:
        path: a checkpoint or experiment folder.
        trusted: whether ``--trust-checkpoint`` was given.
        option: that named the path, if it was not the command's own argument.

    Raises:
        RequestError: as said.
    """
    if trusted or is_own(path):
        return
    raise RequestError(
        "was not made here by your own rllib command, and opening a checkpoint runs any code in it",
        file=path,
        key=option,
        hint="if you trust whoever made it: --trust-checkpoint",
    )


def require_trusted_start(value: object, trusted: bool, *, file: object) -> None:
    """Refuse the checkpoints of others that a configuration starts from.

    Args:
        value: of ``restore_from``: a path, or a grid or sampler of them.
        trusted: whether ``--trust-checkpoint`` was given.
        file: the configuration's.

    Raises:
        RequestError: names the first.
    """
    for path in _texts(value):
        try:
            require_trusted(Path(path), trusted)
        except RequestError as error:
            problem = f"{path} {error.problem}"
            key = "config.restore_from"
            raise RequestError(problem, file=file, key=key, hint=error.hint) from None


def _texts(value: object) -> list[str]:
    """Every text in nested data."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _is_marked(folder: Path, key: bytes) -> bool:
    file = folder / MARK
    try:
        # A pipe of that name would keep its reader waiting.
        found = file.read_bytes() if file.is_file() else b""
    except OSError:
        return False
    return hmac.compare_digest(found, _mark(key, folder).encode())


def _mark(key: bytes, folder: Path) -> str:
    return hmac.new(key, os.fsencode(folder.resolve()), hashlib.sha256).hexdigest()


def _key(*, make: bool) -> bytes | None:
    """The user's key; None without one, or where none can be made."""
    try:
        file = key_file()
        if make and not file.exists():
            _write_key(file)
        found = file.read_bytes()
    except (OSError, RuntimeError):
        return None
    return found if len(found) == KEY_BYTES else None


def _write_key(file: Path) -> None:
    """Write aside, then link: of two commands that start at once, the first one's key stays."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(secrets.token_bytes(KEY_BYTES))
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
