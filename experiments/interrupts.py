"""Ctrl-C, SIGTERM and SIGHUP outside of training: the command ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class CommandInterrupt(BaseException):
    """A signal ended the command; ``str()`` is the signal's name.

    Not a ``KeyboardInterrupt``, for which Click would end the command with its own message and code.
    """


def raise_interrupt(number: int, frame: Any) -> None:
    """The handler of a signal.

    Raises:
        CommandInterrupt: always.
    """
    raise CommandInterrupt(name_of(number))


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals raise :class:`CommandInterrupt`; none has an effect after the block.

    Only for the whole command: its process then ends undisturbed.
    """

    handlers = set_handlers(raise_interrupt)
    try:
        yield
    finally:
        restore_handlers(dict.fromkeys(handlers, signal.SIG_IGN))


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
