"""The errors of the door, in a module of its own so that every room of `envs` can raise them."""

from __future__ import annotations


class EnvironmentRequestError(ValueError):
    """The requested environment does not exist, cannot be built, or has spaces we do not support."""


class EnvironmentFault(RuntimeError):
    """A running environment broke its contract; one line names it, the step and what was wrong."""


class StepTimeout(Exception):
    """Raised inside a step of an environment that takes too long."""
