"""The error of the door, in a module of its own so that every room of `envs` can raise it."""

from __future__ import annotations


class EnvironmentRequestError(ValueError):
    """The requested environment does not exist, cannot be built, or has spaces we do not support."""
