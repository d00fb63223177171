"""The results folder as Tune writes to it: every file is whole or not there.

Tune keeps its state and checkpoints by copying over what is there. Killed in the middle, or on a full
disk, it leaves half a file where a whole one was. A file system of one's own is its extension point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyarrow import NativeFile, PythonFile
from pyarrow import fs as arrow

from rllib_zoo.analysis.files.atomic import draft_of


def whole_files() -> arrow.PyFileSystem:
    """The machine's file system, for ``storage_filesystem`` of Tune's ``RunConfig``."""
    return arrow.PyFileSystem(WholeFiles())


class WholeFiles(arrow.FileSystemHandler):
    """PyArrow's local file system; what is written takes its name when it is closed."""

    def __init__(self) -> None:
        self._local = arrow.LocalFileSystem()

    def __reduce__(self) -> tuple[Any, ...]:
        return WholeFiles, ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WholeFiles)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def open_output_stream(self, path: str, metadata: Any) -> NativeFile:
        """PyArrow's hook."""
        return PythonFile(_Draft(Path(path)), mode="w")

    def copy_file(self, src: str, dest: str) -> None:
        """PyArrow's hook."""
        with self._local.open_input_stream(src) as source:
            draft = _Draft(Path(dest))
            while chunk := source.read(2**24):
                draft.write(chunk)
            draft.close()

    # What follows passes everything on.

    def get_type_name(self) -> str:
        return "whole-files"

    def normalize_path(self, path: str) -> str:
        return str(self._local.normalize_path(path))

    def get_file_info(self, paths: list[str]) -> list[Any]:
        return list(self._local.get_file_info(paths))

    def get_file_info_selector(self, selector: Any) -> list[Any]:
        return list(self._local.get_file_info(selector))

    def create_dir(self, path: str, recursive: bool) -> None:
        self._local.create_dir(path, recursive=recursive)

    def delete_dir(self, path: str) -> None:
        self._local.delete_dir(path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        self._local.delete_dir_contents(path, missing_dir_ok=missing_dir_ok)

    def delete_root_dir_contents(self) -> None:
        raise OSError("the root folder is not emptied")

    def delete_file(self, path: str) -> None:
        self._local.delete_file(path)

    def move(self, src: str, dest: str) -> None:
        self._local.move(src, dest)

    def open_input_stream(self, path: str) -> NativeFile:
        return self._local.open_input_stream(path)

    def open_input_file(self, path: str) -> NativeFile:
        return self._local.open_input_file(path)

    def open_append_stream(self, path: str, metadata: Any) -> NativeFile:
        return self._local.open_append_stream(path)


class _Draft:
    """A file that takes its name when it is closed; a write that failed leaves what was there.

    Not an ``io`` class: those close themselves when they are dropped, also half-written. Nothing waits
    for the disk, which Tune does too rarely to mind and checkpoints have seals for.
    """

    mode = "wb"

    def __init__(self, file: Path):
        self._file, self._path = file, draft_of(file)
        self._failed = False
        self._stream = self._path.open("wb", buffering=0)

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._stream.tell()

    def flush(self) -> None:
        pass

    def write(self, data: Any) -> int:
        try:
            left = memoryview(data).cast("B")
            size = len(left)
            while left:
                left = left[self._stream.write(left) or 0 :]
        except BaseException:
            self._failed = True
            raise
        return size

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._stream.close()
            if not self._failed:
                self._path.replace(self._file)
        finally:
            self._path.unlink(missing_ok=True)
