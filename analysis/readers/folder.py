"""A folder as the readers see it: what no reader before has taken, and how files begin."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

# Enough for every signature, and for the line of column names of a table: some have hundreds.
HEAD = 16384


@dataclass
class Folder:
    """A folder that is being searched for runs.

    Attributes:
        path: absolute.
        files: sorted names of the files that belong to no run yet.
        folders: sorted names of the folders below that are still to be searched.
        earlier: whether event files are left of runs before the one that another reader has found.
        forced: whether the format was named by the user, so that what does not fit it is an error.
    """

    path: Path
    files: list[str]
    folders: list[str]
    forced: bool = False
    earlier: bool = False
    _heads: dict[str, bytes] = field(default_factory=dict)

    def take(self, *names: str) -> None:
        """Files and folders that belong to a run: later readers do not see them."""
        for names_here in (self.files, self.folders):
            names_here[:] = [name for name in names_here if name not in names]

    def head(self, name: str) -> bytes:
        """The first bytes of a file; none of what is no regular file or cannot be read."""
        if name not in self._heads:
            self._heads[name] = head_of(self.path / name)
        return self._heads[name]


def head_of(file: Path) -> bytes:
    """The first bytes of a file; none of what is no regular file or cannot be read."""
    try:
        if not file.is_file():  # reading a named pipe would block
            return b""
        with file.open("rb") as content:
            return content.read(HEAD)
    except OSError:
        return b""
