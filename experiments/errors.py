"""The one kind of error a wrong request raises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# A file may hold any text, and a message quotes it.
LONGEST = 2_000


class RequestError(Exception):
    """A request that cannot be served; ``str()`` is one line: file, key, problem, hint.

    What a terminal would take for a command is shown as Python spells it, and a line has 2,000
    characters at most.

    Attributes:
        problem: what was wrong.
        file: the file it stands in, if any.
        key: the key or option, levels joined by dots.
        hint: the nearest right name or the remedy.
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
        super().__init__(_printable(" ".join(line.split())))

    def located(self, file: object) -> RequestError:
        """The same error, of that file unless one is named already."""
        if self.file is not None or file is None:
            return self
        return RequestError(self.problem, file=file, key=self.key, hint=self.hint)


def _printable(line: str) -> str:
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def nearest(name: object, known: Iterable[str]) -> str | None:
    """ "did you mean …?" with the nearest known name, or None when nothing is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None
