"""Signals in training: trials stop after the current iteration, each with a checkpoint.

Tune's own handler of Ctrl-C saves the experiment's state but makes no checkpoint of any trial.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rllib_zoo.experiments.console import print_stderr
from rllib_zoo.experiments.interrupts import name_of, restore_handlers, set_handlers
from rllib_zoo.experiments.tune.ray_internals import DISABLE_SIGINT_HANDLER, INTERRUPT_TUNE

# How long current iterations may take; then the run ends with the checkpoints it has.
GRACE_PERIOD_S = 10.0

# The active one of this process: schedulers are pickled, signal handlers are not.
_current: Interruption | None = None


class Interruption:
    """Context manager: the first signal requests an orderly end, the second an immediate one.

    The third raises Python's ``KeyboardInterrupt``.

    Attributes:
        cause: why the run ends early, such as ``SIGTERM``; None while it goes on.
        failed: the cause is a failure, see :meth:`end`.
        on_abort: records the failure if the process has to be ended by force; None: already recorded.
    """

    def __init__(self) -> None:
        self.cause: str | None = None
        self.failed = False
        self.on_abort: Callable[[str], object] | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._num_signals = 0
        self._deadline = 0.0
        self._is_deferring = False

    def __enter__(self) -> Interruption:
        global _current
        # Tune would replace this handler when it starts.
        os.environ[DISABLE_SIGINT_HANDLER] = "1"
        self._handlers = set_handlers(self._on_signal)
        self._handlers[INTERRUPT_TUNE] = signal.signal(INTERRUPT_TUNE, signal.default_int_handler)
        _current = self
        return self

    def __exit__(self, *error: object) -> None:
        global _current
        _current = None
        restore_handlers(self._handlers)

    def end(self, cause: str, *, grace_s: float = GRACE_PERIOD_S) -> None:
        """Let the run end because of a failure; from any thread.

        Args:
            cause: a line for the user.
            grace_s: seconds that current iterations and checkpoints may take.
        """
        if self.cause is None:
            self.failed = True
            self._request(cause, grace_s)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Only note signals meanwhile, while an outcome is written, unless a third one arrives."""
        self._is_deferring = True
        try:
            yield
        finally:
            self._is_deferring = False

    def forget_failure(self) -> None:
        """After a failure of one experiment that leaves the others alone."""
        if not self._num_signals:
            self.cause, self.failed = None, False

    def overdue(self) -> bool:
        """Whether current iterations have taken too long since the run was to end."""
        return time.monotonic() > self._deadline

    def interrupt_tune(self) -> None:
        """Let Tune save its state and return.

        Raises:
            KeyboardInterrupt: Tune does not run yet.
        """
        signal.raise_signal(INTERRUPT_TUNE)

    def _request(self, cause: str, grace_s: float) -> None:
        self._deadline = time.monotonic() + grace_s
        self.cause = cause

    def _on_signal(self, number: int, frame: Any) -> None:
        self._num_signals += 1
        if self._num_signals > 2:
            raise KeyboardInterrupt
        if self.cause is None:
            self._request(name_of(number), GRACE_PERIOD_S)
            if not self._is_deferring:
                print_stderr(
                    f"interrupted by {self.cause}: making checkpoints, {GRACE_PERIOD_S:g} s at most; "
                    "interrupt again to end immediately"
                )
        elif not self._is_deferring:
            self.interrupt_tune()


def active() -> Interruption | None:
    """This process's handler of signals in training."""
    return _current


def interruption() -> Interruption | None:
    """This process's requested interruption; None if the run is to go on."""
    return _current if _current is not None and _current.cause is not None else None


def end_run(cause: str, *, grace_s: float) -> None:
    """End this process's run, if it has one, because of a failure; see :meth:`Interruption.end`."""
    if _current is not None:
        _current.end(cause, grace_s=grace_s)


def abort() -> bool:
    """Record the failure that ended this process's run; False if there is none to record."""
    if _current is None or _current.cause is None or _current.on_abort is None:
        return False
    _current.on_abort(_current.cause)
    return True
