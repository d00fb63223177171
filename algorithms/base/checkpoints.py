"""Checkpoints that say what they consist of, so that a part of one is never taken for the whole.

RLlib's checkpoint is a folder of files, and Tune copies them one by one to where they are kept: a kill, a
full disk or a torn file leaves a folder that looks like a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Lists every other file of the checkpoint.
SEAL = "contents.json"
# RLlib writes it first. Ours names the seal, which tells a checkpoint that lost its seal from one of
# RLlib or an earlier release of this project, which never had any.
METADATA = "rllib_checkpoint.json"
_SEALED = "contents_file"


class SealedCheckpoints:
    """Mixed into an Algorithm: every checkpoint it writes is sealed."""

    # Whether what is being saved goes to a folder of this machine.
    _sealing = False

    def get_metadata(self) -> dict[str, Any]:
        """As RLlib; names the seal."""
        metadata: dict[str, Any] = super().get_metadata()  # type: ignore[misc]
        return {**metadata, _SEALED: SEAL} if self._sealing else metadata

    def save_to_path(self, path: Any = None, *, filesystem: Any = None, **kwargs: Any) -> str:
        """As RLlib, then the seal; on other file systems than the machine's own there is none."""
        self._sealing = filesystem is None and "://" not in str(path or "")
        saved: str = super().save_to_path(path, filesystem=filesystem, **kwargs)  # type: ignore[misc]
        if self._sealing:
            seal(Path(saved), iteration=int(self.iteration))  # type: ignore[attr-defined]
        return saved


def seal(folder: Path, iteration: int) -> None:
    """List a finished checkpoint's files with sizes (bytes) and SHA-256.

    Args:
        folder: the checkpoint.
        iteration: training iterations before it was made.
    """
    (folder / SEAL).unlink(missing_ok=True)
    files = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": _digest(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    content = {"training_iteration": iteration, "files": files}
    (folder / SEAL).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def is_sealed(folder: Path) -> bool:
    """Whether a checkpoint has or should have a seal."""
    return (folder / SEAL).exists() or _SEALED in (_object(folder / METADATA) or {_SEALED: ""})


def defect(folder: Path) -> tuple[str, str] | None:
    """What is wrong with a checkpoint's files; None where nothing is, as far as can be told.

    Nothing is unpickled. Of a checkpoint without a seal (RLlib's, or of an earlier release) only what
    RLlib writes first is looked at: its files are found out when they are read.

    Returns:
        The file's name in the folder, and the problem.
    """
    if _object(folder / METADATA) is None:
        return METADATA, _missing_or("is cut off or damaged", folder / METADATA)
    if not is_sealed(folder):
        return None
    contents = _object(folder / SEAL)
    if contents is None or not isinstance(contents.get("files"), dict):
        return SEAL, _missing_or("is cut off or damaged", folder / SEAL)
    for name, facts in contents["files"].items():
        problem = _difference(folder / name, facts)
        if problem is not None:
            return name, problem
    return None


def iteration_of(folder: Path) -> int | None:
    """Training iterations before a sealed checkpoint was made; None where there is no seal."""
    found = (_object(folder / SEAL) or {}).get("training_iteration")
    return found if isinstance(found, int) else None


def _difference(file: Path, facts: Mapping[str, Any]) -> str | None:
    if not file.is_file():
        return "is missing"
    if file.stat().st_size != facts["bytes"]:
        return f"has {file.stat().st_size:,} of {facts['bytes']:,} bytes"
    return None if _digest(file) == facts["sha256"] else "has other content than was written"


def _missing_or(problem: str, file: Path) -> str:
    return problem if file.exists() else "is missing"


def _object(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
