"""The errors of ``envs``; imports nothing, so that every module can raise them."""

from __future__ import annotations


class EnvironmentRequestError(ValueError):
    """The requested environment does not exist, cannot be built, or has unsupported spaces."""


class UnknownEnvironmentError(EnvironmentRequestError):
    """No environment has the requested name, and no known name is similar."""


class EnvironmentFault(RuntimeError):
    """A running environment broke its contract; one line names it, the step and the problem."""
