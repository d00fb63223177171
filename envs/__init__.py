"""Environments: one factory for all of them, and probe environments with known values."""

from rllib_zoo.envs.atari.ids import LegacyAtariId, is_atari, legacy_atari_id
from rllib_zoo.envs.atari.options import AtariOptions
from rllib_zoo.envs.creators import gymnasium_spec
from rllib_zoo.envs.errors import EnvironmentFault, EnvironmentRequestError, UnknownEnvironmentError
from rllib_zoo.envs.factory import (
    environment_name,
    environment_signature,
    environment_spaces,
    make_single_env,
    make_vector_env,
)
from rllib_zoo.envs.physics import packages_of_modules, physics_versions
from rllib_zoo.envs.restart_policy import RESTARTS, RESTARTS_IN_A_ROW

__all__ = [
    "RESTARTS",
    "RESTARTS_IN_A_ROW",
    "AtariOptions",
    "EnvironmentFault",
    "EnvironmentRequestError",
    "LegacyAtariId",
    "UnknownEnvironmentError",
    "environment_name",
    "environment_signature",
    "environment_spaces",
    "gymnasium_spec",
    "is_atari",
    "legacy_atari_id",
    "make_single_env",
    "make_vector_env",
    "packages_of_modules",
    "physics_versions",
]
