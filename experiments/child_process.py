"""A function's result from a child process, whose imports and memory end with it."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Self

from rllib_zoo.experiments.errors import CommandError, RequestError
from rllib_zoo.experiments.interrupts import CommandInterrupt

# Until a child that was told to end is killed.
END_SECONDS = 5.0


class ChildProcess:
    """Runs a function in a fork of this process; a context manager that ends it.

    A fork has everything that is imported and registered here. Only Linux forks safely, and only one thread.

    Args:
        function: returns what can be pickled, or raises.
        doing: what it does, for the message about its crash.

    Attributes:
        pid: of the child.
    """

    def __init__(self, function: Callable[[], Any], doing: str):
        context = multiprocessing.get_context("fork")
        self._doing = doing
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_send_outcome, args=(sender, function))
        self._process.start()
        self.pid = self._process.pid
        sender.close()  # so that the receiver sees the child's end

    def result(self) -> Any:
        """What the function returns, once it does.

        Raises:
            CommandError: the process ended without a result, killed by a signal for example.
            Exception: what the function raised.
        """
        try:
            value, error = self._receiver.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise CommandError(f"{self._doing}: the process ended with {how}") from None
        self._process.join(END_SECONDS)
        if error is not None:
            raise error
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.close()
        self._process.terminate()
        self._process.join(END_SECONDS)
        self._process.kill()
        self._process.join()


def _send_outcome(sender: Connection, function: Callable[[], Any]) -> None:
    try:
        sender.send(_outcome(function))
    except (CommandInterrupt, KeyboardInterrupt):  # the command is interrupted, too
        raise SystemExit(1) from None


def _outcome(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return function(), None
    except (RequestError, CommandError) as error:
        return None, error
    except Exception as error:
        error.add_note(traceback.format_exc())
        return None, error
