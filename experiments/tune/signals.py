"""Ctrl-C and SIGTERM: trials stop after the iteration under way, each with a checkpoint.

Tune's own answer to Ctrl-C saves what it knows of the experiment, but makes no checkpoint of any trial.
"""

from __future__ import annotations

import os
import signal
import time
from types import TracebackType
from typing import Any

from rllib_zoo.experiments.console import say

# How long the iterations under way may take; then the run ends with the checkpoints that are there.
PATIENCE_S = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# To Tune it means the same as Ctrl-C.
_TUNES = signal.SIGUSR1

# The one of this process: schedulers are pickled, signals are not.
_current: Interruption | None = None


class Interruption:
    """While it is entered, the first signal asks for an end in order, the second for one at once.

    The third is Python's: ``KeyboardInterrupt``.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._signals = 0
        self._asked_at = 0.0

    def __enter__(self) -> Interruption:
        global _current
        # Read by Tune when it starts: it would put its own handler in the place of this one.
        os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        # Tune puts its own in this place when it starts, and leaves it there.
        self._before[_TUNES] = signal.signal(_TUNES, signal.default_int_handler)
        _current = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        global _current
        _current = None
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def overdue(self) -> bool:
        """Whether the iterations under way have taken too long since the signal."""
        return time.monotonic() - self._asked_at > PATIENCE_S

    @property
    def asked(self) -> bool:
        """Whether an end in order was asked for."""
        return self._signals > 0

    def end(self) -> None:
        """Let Tune save what it knows and return.

        Raises:
            KeyboardInterrupt: Tune does not run yet.
        """
        signal.raise_signal(_TUNES)

    def _on_signal(self, number: int, frame: Any) -> None:
        self._signals += 1
        if self._signals == 1:
            self._asked_at = time.monotonic()
            line = (
                f"interrupted: making checkpoints, {PATIENCE_S:g} s at most; once more ends at once"
            )
            say(line)
        elif self._signals == 2:
            self.end()
        else:
            raise KeyboardInterrupt


def interruption() -> Interruption | None:
    """The interruption that was asked for in this process; None where none was."""
    return _current if _current is not None and _current.asked else None
