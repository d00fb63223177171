"""Warnings of other libraries that users cannot act on: the command does not print them.

Every filter names a message with its logger or module, so that warnings of users' own code, of this project,
and new ones of the libraries are printed.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from functools import partial
from typing import Any

# Logger → beginnings of messages.
LOGGED = {
    # RLlib's base class of every module gives itself the argument that it warns of.
    "ray._common.deprecation": ("DeprecationWarning: `RLModule(config=[RLModuleConfig object])`",),
    "matplotlib.font_manager": ("Matplotlib is building the font cache",),
}
# Category, module and beginning of the message, as regular expressions.
WARNED: tuple[tuple[type[Warning], str, str], ...] = (
    # Of the number of GPUs that Ray sees; the command sets it.
    (FutureWarning, r"ray\._private\.worker", r"Tip: In future versions of Ray"),
    (UserWarning, r"pygame\.pkgdata", r"pkg_resources is deprecated"),
    # RLlib registers its vector environment anew for every runner.
    (
        UserWarning,
        r"gymnasium\.envs\.registration",
        r"(\x1b\[\d+m)?WARN: Overriding environment rllib-",
    ),
    # Tune keeps Optuna's studies in memory, where choices may be lists.
    (UserWarning, r"optuna\.distributions", r"Choices for a categorical distribution"),
)
# Ray's line of 1,100 characters about a process that died; the trial's status or its error tells it.
RAY_ON_DEAD_PROCESSES = (
    "^A worker died or was killed while executing a task by an unexpected system error"
)
# Of an environment that was not closed, or not built to its end; the error that matters is another one.
_DELETED = ("gymnasium.vector.vector_env", "VectorEnv.__del__")
_CLOSING = ("gymnasium", "ale_py")


def quiet_libraries() -> None:
    """Filter the warnings of this process."""
    for name, starts in LOGGED.items():
        logging.getLogger(name).addFilter(partial(_is_other, starts))
    for category, module, message in WARNED:
        warnings.filterwarnings("ignore", message=message, category=category, module=module)
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    sys.unraisablehook = _without_deleted(sys.unraisablehook)


def _is_other(starts: tuple[str, ...], record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(starts)


def without_devices() -> None:
    """Let SDL draw into memory: where there is no screen or sound card, its search prints errors."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")


def _without_deleted(hook: Any) -> Any:
    """The hook for exceptions that cannot be raised, without those of libraries' deleted environments."""

    def filtered(unraisable: Any) -> None:
        method, frame = unraisable.object, unraisable.exc_traceback
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = getattr(method, "__module__", ""), getattr(method, "__qualname__", "")
        module = "" if frame is None else str(frame.tb_frame.f_globals.get("__name__"))
        if place != _DELETED or module.partition(".")[0] not in _CLOSING:
            hook(unraisable)

    return filtered
