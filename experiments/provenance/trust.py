"""Trust in checkpoints: unpickling can run any code, so only the user's own are opened by default.

The command marks every experiment folder it creates: ``.made-here`` contains an HMAC-SHA-256 of the
folder's path (in object storage, of server and URI), with a key kept in the user's configuration folder.
Nobody else can create a valid mark, and a copied one is of another path. A manifest proves nothing, as
anybody can write one; neither does a file's owner, as unpacking an archive changes it to the user.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.object_storage import identity, upload
from rllib_zoo.experiments.errors import RequestError

MARK = ".made-here"
KEY_BYTES = 32
# Checkpoint, trial, experiment.
LEVELS = 3


def key_file() -> Path:
    """Path of the user's key (XDG Base Directory Specification).

    Raises:
        RuntimeError: the user has no home folder.
    """
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (folder if folder.is_absolute() else Path.home() / ".config") / "rllib-zoo" / "key"


def mark_as_own(folder: Path) -> bool:
    """Mark an experiment folder as created by this user at this path.

    Returns:
        Whether it is marked: without a writable home folder no key can be created.
    """
    key = _key(create=True)
    if key is None:
        return False
    with atomic_write(folder / MARK) as draft:
        draft.write_text(_mark(key, folder), encoding="ascii")
    upload(folder / MARK)
    return True


def is_own(path: Path) -> bool:
    """Whether this user created a checkpoint, trial or experiment folder at its current path."""
    key = _key(create=False)
    if key is None:
        return False
    resolved = path.resolve()
    return any(_is_marked(folder, key) for folder in (resolved, *resolved.parents)[:LEVELS])


def require_trusted(path: Path, trusted: bool, *, option: str | None = None) -> None:
    """Check that a folder may be unpickled.

    Args:
        path: a checkpoint or experiment folder.
        trusted: whether ``--trust-checkpoint`` is set.
        option: the option with the path, if it is not the command's argument.

    Raises:
        RequestError: the folder is neither the user's own nor trusted.
    """
    if trusted or is_own(path):
        return
    raise RequestError(
        "was not created here by your rllib command, and opening a checkpoint runs any code in it",
        file=path,
        key=option,
        hint="if you trust its origin: --trust-checkpoint",
    )


def require_trusted_start(value: object, trusted: bool, *, file: object) -> None:
    """Check the checkpoints that a configuration restores.

    Args:
        value: of ``restore_from``: a path, or a grid or sampler of paths.
        trusted: whether ``--trust-checkpoint`` is set.
        file: the configuration's.

    Raises:
        RequestError: names the first one that is not trusted.
    """
    for path in _strings(value):
        try:
            require_trusted(Path(path), trusted)
        except RequestError as error:
            problem, key = f"{path} {error.problem}", "config.restore_from"
            raise RequestError(problem, file=file, key=key, hint=error.hint) from None


def _strings(value: object) -> list[str]:
    """Every string in nested data."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [string for item in value for string in _strings(item)]
    return [value] if isinstance(value, str) else []


def _is_marked(folder: Path, key: bytes) -> bool:
    file = folder / MARK
    try:
        # is_file: reading a named pipe would block.
        mark = file.read_bytes() if file.is_file() else b""
    except OSError:
        return False
    return hmac.compare_digest(mark, _mark(key, folder).encode())


def _mark(key: bytes, folder: Path) -> str:
    return hmac.new(key, os.fsencode(identity(folder.resolve())), hashlib.sha256).hexdigest()


def _key(*, create: bool) -> bytes | None:
    """The user's key; None if it does not exist, or cannot be created."""
    try:
        file = key_file()
        if create and not file.exists():
            _write_key(file)
        key = file.read_bytes()
    except (OSError, RuntimeError):
        return None
    return key if len(key) == KEY_BYTES else None


def _write_key(file: Path) -> None:
    """Write a draft, then link it: of two commands started at the same time, the first one's key stays."""
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
