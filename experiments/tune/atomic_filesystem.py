"""A PyArrow file system that writes every file atomically: complete under its name, or not there.

Tune updates its state and checkpoints by overwriting files in place: killed in the middle, or on a full
disk, it leaves a truncated file. Its extension point is ``RunConfig(storage_filesystem=…)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyarrow import NativeFile, PythonFile
from pyarrow import fs as arrow

from rllib_zoo.analysis.files.atomic import draft_of

_LOCAL = arrow.LocalFileSystem()


def atomic_filesystem() -> arrow.PyFileSystem:
    """The machine's file system, for ``storage_filesystem`` of Tune's ``RunConfig``."""
    return arrow.PyFileSystem(AtomicFileSystem())


class AtomicFileSystem(arrow.FileSystemHandler):
    """PyArrow's local file system; an output file gets its name when it is closed."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AtomicFileSystem)

    def open_output_stream(self, path: str, metadata: Any) -> NativeFile:
        return PythonFile(_OutputFile(Path(path)), mode="w")

    def copy_file(self, src: str, dest: str) -> None:
        with _LOCAL.open_input_file(src) as source:
            target = _OutputFile(Path(dest))
            while chunk := source.read(2**24):
                target.write(chunk)
            target.close()

    # Delegated to PyArrow's local file system.

    def get_type_name(self) -> str:
        return "atomic"

    normalize_path = staticmethod(_LOCAL.normalize_path)
    get_file_info = staticmethod(_LOCAL.get_file_info)
    get_file_info_selector = staticmethod(_LOCAL.get_file_info)
    delete_dir = staticmethod(_LOCAL.delete_dir)
    delete_file = staticmethod(_LOCAL.delete_file)
    move = staticmethod(_LOCAL.move)
    # Not its open_input_stream, which decompresses files by their suffix.
    open_input_stream = staticmethod(_LOCAL.open_input_file)
    open_input_file = staticmethod(_LOCAL.open_input_file)

    def open_append_stream(self, path: str, metadata: Any) -> NativeFile:
        return _LOCAL.open_append_stream(path, compression=None)

    def create_dir(self, path: str, recursive: bool) -> None:
        _LOCAL.create_dir(path, recursive=recursive)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        _LOCAL.delete_dir_contents(path, missing_dir_ok=missing_dir_ok)

    def delete_root_dir_contents(self) -> None:
        raise OSError("refusing to delete the contents of the root folder")


class _OutputFile:
    """A draft file that replaces the target on close; after a failed write the target is unchanged.

    Not an ``io`` class: those close themselves when garbage-collected, even half-written. No fsync:
    Tune saves too rarely to need it, and checkpoints list their files with checksums.
    """

    def __init__(self, target: Path):
        self._target, self._draft = target, draft_of(target)
        self._failed = False
        self._stream = self._draft.open("wb")

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def tell(self) -> int:
        return self._stream.tell()

    def flush(self) -> None:
        pass

    def write(self, data: Any) -> int:
        try:
            return self._stream.write(data)
        except BaseException:
            self._failed = True
            raise

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._stream.close()
            if not self._failed:
                self._draft.replace(self._target)
        finally:
            self._draft.unlink(missing_ok=True)
