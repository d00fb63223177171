"""Environments: one factory for all of them, and probe environments with known values.

The factory needs RLlib, names and options do not: each name is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rllib_zoo.class_path import import_class
from rllib_zoo.envs.atari.ids import LegacyAtariId, is_atari, legacy_atari_id
from rllib_zoo.envs.atari.options import AtariOptions
from rllib_zoo.envs.creators import gymnasium_spec
from rllib_zoo.envs.errors import EnvironmentFault, EnvironmentRequestError, UnknownEnvironmentError

if TYPE_CHECKING:
    from rllib_zoo.envs.closing import close_environment
    from rllib_zoo.envs.creators import environment_name
    from rllib_zoo.envs.factory import (
        environment_signature,
        environment_spaces,
        make_single_env,
        make_vector_env,
    )
    from rllib_zoo.envs.physics import packages_of_modules, physics_versions
    from rllib_zoo.envs.restart_policy import RESTARTS, RESTARTS_IN_A_ROW

_MODULES = {
    "close_environment": "closing",
    "environment_name": "creators",
    "environment_signature": "factory",
    "environment_spaces": "factory",
    "make_single_env": "factory",
    "make_vector_env": "factory",
    "packages_of_modules": "physics",
    "physics_versions": "physics",
    "RESTARTS": "restart_policy",
    "RESTARTS_IN_A_ROW": "restart_policy",
}
__all__ = [
    "RESTARTS",
    "RESTARTS_IN_A_ROW",
    "AtariOptions",
    "EnvironmentFault",
    "EnvironmentRequestError",
    "LegacyAtariId",
    "UnknownEnvironmentError",
    "close_environment",
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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_class(f"{__name__}.{_MODULES[name]}.{name}")
