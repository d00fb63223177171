"""Checkpoints with checksums of their files, so that incomplete ones are detected.

RLlib's checkpoint is a folder of files, which Tune copies one by one: a kill, a full disk or a partly written
file leaves a folder that looks like a checkpoint.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The file of checksums: it lists every other file of the checkpoint.
CHECKSUMS = "contents.json"
# Written first by RLlib. Our entry distinguishes a checkpoint that lost its file of checksums from one of
# RLlib or an earlier release of this project, which has none.
METADATA = "rllib_checkpoint.json"
_ENTRY = "contents_file"
# In the error of a checkpoint that did not arrive where Tune saves it.
NOT_SAVED = "was not saved completely"


class ChecksummedCheckpoints:
    """Mixin for an Algorithm: writes checksums into every checkpoint on a local disk."""

    # Whether the checkpoint being saved gets checksums.
    _saves_checksums = False

    def get_metadata(self) -> dict[str, Any]:
        """As RLlib, with the name of the file of checksums."""
        metadata: dict[str, Any] = super().get_metadata()  # type: ignore[misc]
        return {**metadata, _ENTRY: CHECKSUMS} if self._saves_checksums else metadata

    def save(self, checkpoint_dir: Any = None) -> Any:
        """As Tune's; a checkpoint that was not saved completely is an error.

        Raises:
            OSError: of :func:`require_saved`.
        """
        saved = super().save(checkpoint_dir)  # type: ignore[misc]
        if self._saves_checksums and getattr(saved, "checkpoint", None) is not None:
            require_saved(saved.checkpoint)
        return saved

    def save_to_path(self, path: Any = None, *, filesystem: Any = None, **kwargs: Any) -> str:
        """As RLlib, with checksums unless the path is on a remote file system."""
        self._saves_checksums = filesystem is None and "://" not in str(path or "")
        saved: str = super().save_to_path(path, filesystem=filesystem, **kwargs)  # type: ignore[misc]
        if self._saves_checksums:
            write_checksums(Path(saved), iteration=int(self.iteration))  # type: ignore[attr-defined]
        return saved


def require_saved(checkpoint: Any) -> None:
    """Check that a checkpoint's files have arrived where Tune saved it, with their sizes.

    Tune copies them with ``pyarrow.fs.copy_files``, which ignores an error when it closes a file: of a
    lost connection or a full disk.

    Args:
        checkpoint: Tune's.

    Raises:
        OSError: a file is missing or has another size.
    """
    from pyarrow import fs

    filesystem, folder = checkpoint.filesystem, checkpoint.path
    there = filesystem.get_file_info(fs.FileSelector(folder, recursive=True))
    sizes = {info.path: info.size for info in there}
    index, expected = f"{folder}/{CHECKSUMS}", {}
    if sizes.get(index):
        with filesystem.open_input_stream(index) as stream:
            expected = json.loads(stream.read())["files"]
    for name, size in {CHECKSUMS: sizes.get(index) or -1, **_sizes(expected)}.items():
        if sizes.get(f"{folder}/{name}", 0) != size:
            raise OSError(errno.EIO, NOT_SAVED, f"{folder}/{name}")


def _sizes(files: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    return {name: file["bytes"] for name, file in files.items()}


def write_checksums(folder: Path, iteration: int) -> None:
    """Write sizes (bytes) and SHA-256 of a finished checkpoint's files.

    Args:
        folder: the checkpoint.
        iteration: number of training iterations before it.
    """
    (folder / CHECKSUMS).unlink(missing_ok=True)
    files = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": _digest(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    content = {"training_iteration": iteration, "files": files}
    (folder / CHECKSUMS).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def has_checksums(folder: Path) -> bool:
    """Whether a checkpoint has or should have checksums."""
    return (folder / CHECKSUMS).exists() or _ENTRY in (_object(folder / METADATA) or {_ENTRY: ""})


def defect(folder: Path) -> tuple[str, str] | None:
    """Find a missing, truncated or modified file of a checkpoint; None without one.

    Nothing is unpickled. Without checksums (RLlib's own checkpoints, earlier releases) only the file that
    RLlib writes first is checked.

    Returns:
        The file's name in the folder, and the problem.
    """
    if _object(folder / METADATA) is None:
        return METADATA, _missing_or("is cut off or damaged", folder / METADATA)
    if not has_checksums(folder):
        return None
    contents = _object(folder / CHECKSUMS)
    if contents is None or not isinstance(contents.get("files"), dict):
        return CHECKSUMS, _missing_or("is cut off or damaged", folder / CHECKSUMS)
    for name, expected in contents["files"].items():
        problem = _difference(folder / name, expected)
        if problem is not None:
            return name, problem
    return None


def iteration_of(folder: Path) -> int | None:
    """Number of training iterations before a checkpoint; None without checksums."""
    iteration = (_object(folder / CHECKSUMS) or {}).get("training_iteration")
    return iteration if isinstance(iteration, int) else None


def _difference(file: Path, expected: Mapping[str, Any]) -> str | None:
    if not file.is_file():
        return "is missing"
    if file.stat().st_size != expected["bytes"]:
        return f"has {file.stat().st_size:,} of {expected['bytes']:,} bytes"
    return None if _digest(file) == expected["sha256"] else "was modified after it was written"


def _missing_or(problem: str, file: Path) -> str:
    return problem if file.exists() else "is missing"


def _object(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if it is missing or malformed."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
