"""Ctrl-C and SIGTERM: trials stop after the current iteration, each with a checkpoint.

Tune's own handler of Ctrl-C saves the experiment's state but makes no checkpoint of any trial.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from rllib_zoo.experiments.console import print_stderr
from rllib_zoo.experiments.tune.ray_internals import DISABLE_SIGINT_HANDLER, INTERRUPT_TUNE

# How long current iterations may take; then the run ends with the checkpoints it has.
GRACE_PERIOD_S = 10.0

# The active one of this process: schedulers are pickled, signal handlers are not.
_current: Interruption | None = None


class Interruption:
    """Context manager: the first signal requests an orderly end, the second an immediate one.

    The third raises Python's ``KeyboardInterrupt``.
    """

    def __init__(self) -> None:
        self._handlers: dict[signal.Signals, Any] = {}
        self._num_signals = 0
        self._first_signal_at = 0.0

    def __enter__(self) -> Interruption:
        global _current
        # Tune would replace this handler when it starts.
        os.environ[DISABLE_SIGINT_HANDLER] = "1"
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._on_signal)
        self._handlers[INTERRUPT_TUNE] = signal.signal(INTERRUPT_TUNE, signal.default_int_handler)
        _current = self
        return self

    def __exit__(self, *error: object) -> None:
        global _current
        _current = None
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def overdue(self) -> bool:
        """Whether current iterations have taken too long since the first signal."""
        return time.monotonic() - self._first_signal_at > GRACE_PERIOD_S

    def interrupt_tune(self) -> None:
        """Let Tune save its state and return.

        Raises:
            KeyboardInterrupt: Tune does not run yet.
        """
        signal.raise_signal(INTERRUPT_TUNE)

    def _on_signal(self, number: int, frame: Any) -> None:
        self._num_signals += 1
        if self._num_signals == 1:
            self._first_signal_at = time.monotonic()
            print_stderr(
                f"interrupted: making checkpoints, {GRACE_PERIOD_S:g} s at most; "
                "interrupt again to end immediately"
            )
        elif self._num_signals == 2:
            self.interrupt_tune()
        else:
            raise KeyboardInterrupt


def interruption() -> Interruption | None:
    """This process's requested interruption; None if no signal has arrived."""
    return _current if _current is not None and _current._num_signals else None
