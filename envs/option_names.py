"""Which options an environment can take, known from signatures: nothing is built."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from rllib_zoo.envs.creators import (
    RLLIB_EXAMPLES,
    arguments_of,
    class_at,
    gymnasium_spec,
    registered_creator,
)


def _parameters(function: Any) -> dict[str, Any] | None:
    """Name → parameter; None where the function takes any name, or has no signature."""
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return None if takes_any else parameters


# Those that gymnasium gives every environment in its registry.
_OF_MAKE = {
    name
    for make in (gym.make, gym.make_vec)
    for name, parameter in inspect.signature(make).parameters.items()
    if parameter.kind is not parameter.VAR_KEYWORD
} - {"id", "num_envs", "vectorization_mode"}


def option_names(env: str | type[gym.Env], given: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Names of the options that an environment can take; None where it may take any.

    Args:
        env: as for :func:`rllib_zoo.envs.creators.creator_of`; no Atari game.
        given: its ``env_config``: some classes take all of it in one argument.

    Raises:
        EnvironmentRequestError: unknown environment.
    """
    if (spec := gymnasium_spec(env)) is not None:
        entries = [entry for entry in (spec.entry_point, spec.vector_entry_point) if entry]
        all_parameters = [
            _parameters(load_env_creator(e) if isinstance(e, str) else e) for e in entries
        ]
        names = {name: None for parameters in all_parameters for name in parameters or ()}
        known = None not in all_parameters
        return (
            tuple(name for name in names | dict.fromkeys(sorted(_OF_MAKE)) if name != "num_envs")
            if known
            else None
        )
    if isinstance(env, str) and (
        registered_creator(env) is not None or env.startswith(RLLIB_EXAMPLES)
    ):
        return None
    env_class = env if isinstance(env, type) else class_at(env)
    options = dict(given)
    if arguments_of(env_class, options)[1] is not options:
        return None
    parameters = _parameters(env_class)
    return None if parameters is None else tuple(parameters)
