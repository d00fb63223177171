"""Errors that end a command with one line: an invalid request, or a failure of what it needs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rllib_zoo.analysis.files.object_storage import with_uris

# Messages quote file contents, which may be of any length.
MAX_LENGTH = 2_000
# Characters of a name that counts as short.
SHORT = 12
# For a name that a user's own module may register.
IMPORT_HINT = "registered by a module? --import MODULE"


class RequestError(Exception):
    """An invalid request; ``str()`` is one printable line: file, key, problem, hint.

    Control characters are escaped, and a line is shortened to 2,000 characters.

    Attributes:
        problem: what is wrong.
        file: the file it is in, if any.
        key: the key or option, levels joined by dots.
        hint: the nearest valid name, or the remedy.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        key: str | None = None,
        hint: str | None = None,
    ):
        self.problem, self.file, self.key, self.hint = problem, file, key, hint
        parts = [str(file) if file is not None else None, key, problem]
        line = ": ".join(part for part in parts if part) + (f"; {hint}" if hint else "")
        super().__init__(printable(with_uris(" ".join(line.split()))))

    def located(self, file: object) -> RequestError:
        """The same error with a file, unless it names one already."""
        if self.file is not None or file is None:
            return self
        return RequestError(self.problem, file=file, key=self.key, hint=self.hint)


class CommandError(Exception):
    """A failure that is neither the request's nor a trial's, such as Ray's; one line, exit code 1."""


def printable(line: str) -> str:
    """A text of at most 2,000 characters, control characters escaped."""
    if len(line) > MAX_LENGTH:
        line = f"{line[: MAX_LENGTH // 2]} … {line[-MAX_LENGTH // 2 :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def first_line(error: BaseException) -> str:
    """The first line of an exception's message; its class name where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def nearest(name: object, valid: Iterable[str]) -> str | None:
    """ "did you mean …?" with the most similar valid name; None where none is similar."""
    # Long names share a common ending, such as `_config`, without being similar.
    cutoff = 0.6 if len(str(name)) <= SHORT else 0.72
    similar = difflib.get_close_matches(str(name), list(valid), n=1, cutoff=cutoff)
    return f"did you mean {similar[0]!r}?" if similar else None
