"""What a config file may not do while it is loaded: start Ray, train, or read the command line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

# Module, attribute, and how a person calls it: each starts Ray or a training.
_STARTS = (
    ("ray", "init", "ray.init()"),
    ("ray.tune", "run", "tune.run()"),
    ("ray.tune", "run_experiments", "tune.run_experiments()"),
    ("ray.tune", "Tuner", "tune.Tuner()"),
)


class CommandsPartError(Exception):
    """A file trains by itself; ``what`` is the call."""

    def __init__(self, what: str):
        super().__init__(f"{what} is the command's part")


REMEDY = (
    "a config file defines 'config' and 'stop'; "
    "put the rest below if __name__ == '__main__', which is not run"
)


@contextmanager
def only_defining(file: Path) -> Iterator[None]:
    """Inside of it, what starts Ray raises, and ``sys.argv`` is the file's alone."""
    with ExitStack() as stack:
        for module, name, call in _STARTS:
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, no(call)))
        stack.enter_context(mock.patch.object(sys, "argv", [str(file)]))
        yield


def no(call: str) -> Callable[..., Any]:
    """A function in the place of ``call`` that raises."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise CommandsPartError(call)

    return refuse
