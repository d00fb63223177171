"""Ctrl-C, SIGTERM and SIGHUP outside of training: the command ends at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

# Until a signal is repeated whose exception a destructor could not raise.
REPEAT_S = 0.1


class CommandInterrupt(BaseException):
    """A signal ended the command; ``str()`` is the signal's name.

    Not a ``KeyboardInterrupt``, for which Click would end the command with its own message and code.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int):
        super().__init__(name_of(number))
        self.number = number


def raise_interrupt(number: int, frame: Any) -> None:
    """The handler of a signal.

    Raises:
        CommandInterrupt: always.
    """
    raise CommandInterrupt(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals raise :class:`CommandInterrupt`; none has an effect after the block.

    Only for the whole command: its process then ends undisturbed.
    """

    handlers, hook = set_handlers(raise_interrupt), sys.unraisablehook
    sys.unraisablehook = partial(_repeat, hook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        restore_handlers(dict.fromkeys(handlers, signal.SIG_IGN))


def _repeat(hook: Callable[[Any], object], unraisable: Any) -> None:
    """Send a signal again whose exception was raised in a destructor or callback, where Python drops it.

    Args:
        hook: of all other exceptions there.
        unraisable: the exception.
    """
    error = unraisable.exc_value
    if isinstance(error, CommandInterrupt):
        threading.Timer(REPEAT_S, os.kill, (os.getpid(), error.number)).start()
    else:
        hook(unraisable)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore signals during a short block that cleans up."""
    handlers = set_handlers(signal.SIG_IGN)
    try:
        yield
    finally:
        restore_handlers(handlers)


def set_handlers(handler: Callable[[int, Any], None] | signal.Handlers) -> dict[Any, Any]:
    """Set the handler of Ctrl-C, SIGTERM and SIGHUP; returns those before, by signal.

    SIGHUP stays ignored where it is, as with ``nohup``.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return {number: signal.signal(number, handler) for number in numbers}


def restore_handlers(handlers: dict[Any, Any]) -> None:
    """Set the handlers that :func:`set_handlers` returned."""
    for number, handler in handlers.items():
        signal.signal(number, handler)


def name_of(number: int) -> str:
    """A signal as users know it."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
