"""Standard streams that may be closed while a command runs: it goes on, and what it prints is dropped."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

# The reader has gone (`| head -1`), or the terminal.
_GONE = (errno.EPIPE, errno.EIO)


class Stream(io.TextIOWrapper):
    """A text stream to a file descriptor that becomes /dev/null once nobody reads it."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            return self._drop(error, len(text))

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._drop(error, 0)

    def _drop(self, error: OSError, result: int) -> int:
        if error.errno not in _GONE:
            raise error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        return result


def keep_streams_open() -> None:
    """Replace the standard output and error; closed ones (``>&-``) become /dev/null.

    Streams that a caller in this process has put in their place stay.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free one, which a file or socket of Ray would get otherwise.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _stream(sys.stdout, 1)
    sys.stderr = _stream(sys.stderr, 2)


def _stream(stream: Any, descriptor: int) -> Any:
    if stream is None:
        return Stream(open(descriptor, "wb", closefd=False), encoding="utf-8")
    try:
        own = stream.fileno() == descriptor
    except (OSError, ValueError):  # it has no descriptor, or is closed
        own = False
    if not own:
        return stream
    return Stream(
        stream.buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
