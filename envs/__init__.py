"""The worlds: one door to every environment, and probe environments whose values are known."""

from envs.factory import (
    EnvironmentRequestError,
    environment_spaces,
    make_single_env,
    make_vector_env,
)

__all__ = [
    "EnvironmentRequestError",
    "environment_spaces",
    "make_single_env",
    "make_vector_env",
]
