"""A watch over steps of environments that never end."""

from __future__ import annotations

import ctypes
import logging
import signal
import threading
import time
import weakref
from typing import Any

from rllib_zoo.algorithms.env_runner.env_group import EnvGroup
from rllib_zoo.envs import StepTimeout

logger = logging.getLogger(__name__)

# Neither Ray nor Tune uses it in processes that sample.
SIGNAL = signal.SIGUSR2
# How often the watch looks within the time a step may take.
LOOKS = 4


class StepWatch:
    """Raises :class:`StepTimeout` inside a reset or step of an environment that takes too long.

    Copies that are stepped one after the other have the time each, others together. A thread looks
    at the group's progress a few times per ``seconds``; playing pays for counting alone. The error
    arrives by a signal where the main thread plays, which also wakes a sleeping or waiting step; in
    other threads, with the next line of Python. Code that keeps the interpreter to itself cannot be
    reached from within; of a runner process the training process notices (``sample_timeout_s``).
    """

    def __init__(self, group: EnvGroup, seconds: float):
        """``group`` is looked at until it is gone or :meth:`stop` is called."""
        self._group = weakref.ref(group)
        self._seconds = seconds
        self._stopped = threading.Event()
        self._overdue: tuple[int, int] | None = None
        self.player = threading.get_ident()
        if threading.current_thread() is threading.main_thread():
            _watches.add(self)
            signal.signal(SIGNAL, _raise_in_overdue_step)
        threading.Thread(target=self._look, name="step-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _look(self) -> None:
        seen, since = (-1, 0), time.monotonic()
        while not self._stopped.wait(self._seconds / LOOKS):
            group = self._group()
            if group is None:
                return
            progress, now = group.progress(), time.monotonic()
            if progress[0] % 2 == 0 or progress != seen:
                seen, since = progress, now
            elif now - since > self._seconds:
                logger.error("environment %r is overdue: %s", group.name, self._sentence())
                self._overdue, since = progress, now  # once more if that does not help
                self._interrupt()
            del group

    def _interrupt(self) -> None:
        if self.player == threading.main_thread().ident:
            signal.pthread_kill(self.player, SIGNAL)
        else:
            error = ctypes.py_object(StepTimeout)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.player), error)

    def raise_if_overdue(self) -> None:
        """In the playing thread: raise, unless the step ended meanwhile."""
        group, overdue = self._group(), self._overdue
        self._overdue = None
        if group is not None and overdue is not None and group.progress() == overdue:
            raise StepTimeout(self._sentence())

    def _sentence(self) -> str:
        return f"no answer for {self._seconds:g} s (half of sample_timeout_s)"


_watches: weakref.WeakSet[StepWatch] = weakref.WeakSet()


def _raise_in_overdue_step(number: int, frame: Any) -> None:
    for watch in list(_watches):
        watch.raise_if_overdue()
