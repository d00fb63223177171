"""The worlds: one door to every environment, and probe environments whose values are known."""

from envs.atari_ids import LegacyAtariId, is_atari, legacy_atari_id
from envs.atari_options import AtariOptions
from envs.errors import EnvironmentRequestError
from envs.factory import (
    environment_signature,
    environment_spaces,
    make_single_env,
    make_vector_env,
)

__all__ = [
    "AtariOptions",
    "EnvironmentRequestError",
    "LegacyAtariId",
    "environment_signature",
    "environment_spaces",
    "is_atari",
    "legacy_atari_id",
    "make_single_env",
    "make_vector_env",
]
