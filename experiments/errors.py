"""Errors that end a command with one line: an invalid request, or a failure of what it needs."""

from __future__ import annotations

import difflib
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from rllib_zoo.analysis.files.object_storage import with_uris

# Messages quote file contents, which may be of any length.
MAX_LENGTH = 2_000
# Characters of a name that counts as short.
SHORT = 12
# Characters from which on a name's beginning is taken for the name.
PREFIX = 4
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

    @property
    def each(self) -> tuple[RequestError, ...]:
        """The errors that it reports: itself."""
        return (self,)

    def located(self, file: object) -> RequestError:
        """The same error with a file, unless it names one already."""
        if self.file is not None or file is None:
            return self
        return RequestError(self.problem, file=file, key=self.key, hint=self.hint)

    def below(self, key: str) -> RequestError:
        """The same error with its key inside another one."""
        inner = f"{key}.{self.key}" if self.key else key
        return RequestError(self.problem, file=self.file, key=inner, hint=self.hint)


class RequestErrors(RequestError):
    """Several invalid requests; ``str()`` is a line for each, repetitions left out."""

    def __init__(self, errors: Iterable[RequestError]):
        self._errors = tuple({str(error): error for error in errors}.values())
        first = self._errors[0]
        super().__init__(first.problem, file=first.file, key=first.key, hint=first.hint)

    def __str__(self) -> str:
        return "\n".join(map(str, self._errors))

    def __reduce__(self) -> tuple[Any, ...]:
        return RequestErrors, (self._errors,)

    @property
    def each(self) -> tuple[RequestError, ...]:
        return self._errors

    def located(self, file: object) -> RequestError:
        return RequestErrors(error.located(file) for error in self._errors)

    def below(self, key: str) -> RequestError:
        return RequestErrors(error.below(key) for error in self._errors)


class Collected:
    """Reports the errors of independent checks together, at the end of its block.

    ::

        with Collected() as check:
            for key in keys:
                with check():
                    require_valid(key)

    Leaving the block raises the only error, or RequestErrors.

    Attributes:
        errors: those so far.
    """

    def __init__(self) -> None:
        self.errors: list[RequestError] = []

    def __enter__(self) -> Self:
        return self

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """One check."""
        try:
            yield
        except RequestError as error:
            self.errors.extend(error.each)

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, RequestError):
            self.errors.extend(error.each)
        elif error is not None:
            return
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else RequestErrors(self.errors)


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


def nearest_import(path: str) -> str | None:
    """The class of a similar name in the module of a dotted path, or the module if it is not found."""
    module, _, name = path.rpartition(".")
    if module in sys.modules:
        return nearest(
            name,
            [key for key, value in vars(sys.modules[module]).items() if isinstance(value, type)],
        )
    package, _, last = module.rpartition(".")
    folders = getattr(sys.modules.get(package), "__path__", None) if package else [os.getcwd()]
    return nearest(last, [found.name for found in pkgutil.iter_modules(folders)] if folders else [])


def nearest(name: object, valid: Iterable[str]) -> str | None:
    """ "did you mean …?" with the only valid name that begins so, or the most similar; None without any."""
    # Long names share a common ending, such as `_config`, without being similar.
    cutoff = 0.6 if len(str(name)) <= SHORT else 0.72
    valid = list(valid)
    begins = [other for other in valid if len(str(name)) >= PREFIX and other.startswith(str(name))]
    similar = difflib.get_close_matches(str(name), valid, n=1, cutoff=cutoff)
    similar = begins if len(begins) == 1 else similar
    return f"did you mean {similar[0]!r}?" if similar else None
