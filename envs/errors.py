"""The errors of ``envs``; imports nothing, so that every module can raise them."""

from __future__ import annotations

# What ends a process without an exception.
CRASH_CAUSES = "a crash of native code, os._exit() or too little memory can be the cause"


class EnvironmentRequestError(ValueError):
    """The requested environment does not exist, cannot be built, or has unsupported spaces."""


class UnknownEnvironmentError(EnvironmentRequestError):
    """No environment has the requested name, and no known name is similar."""


class EnvironmentFault(RuntimeError):
    """A running environment broke its contract; one line names it, the step and the problem."""
