"""Resolving an environment's name to a function that builds one copy.

An environment may be named by a gymnasium id (``CartPole-v1``), by a name registered with
``ray.tune.registry.register_env``, by a dotted class path (``my_module.MyEnv``) or by the class
itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
from ray.tune.registry import ENV_CREATOR, _global_registry

from rllib_zoo.class_path import import_class
from rllib_zoo.envs.atari.ids import games_by_name, legacy_atari_id, nearest_name
from rllib_zoo.envs.ball_balance.env import SPEC as BALL_SPEC
from rllib_zoo.envs.errors import EnvironmentRequestError

# Ids of this project's own environments; they are not in gymnasium's registry.
OWN = {BALL_SPEC.id: BALL_SPEC}


def gymnasium_spec(env: str | type[gym.Env]) -> gym.envs.registration.EnvSpec | None:
    """The spec of an id of gymnasium or of this project; None for other names."""
    if not isinstance(env, str) or _global_registry.contains(ENV_CREATOR, env):
        return None
    spec = OWN.get(env) or gym.registry.get(env)
    # ale-py registers the legacy ids too; those would have raw frames and no stack.
    return None if spec is not None and "ale_py" in str(spec.entry_point) else spec


def creator_of(env: str | type[gym.Env], options: dict[str, Any]) -> Callable[[], gym.Env]:
    """A function that builds one copy."""
    if isinstance(env, type):
        return partial(call_with_options, env.__name__, *_arguments(env, options))
    spec = gymnasium_spec(env)
    if spec is not None:
        return partial(call_with_options, spec.id, partial(gym.make, spec), options)
    if _global_registry.contains(ENV_CREATOR, env):
        return partial(_global_registry.get(ENV_CREATOR, env), options)
    return partial(call_with_options, env, *_arguments(_class_at(env), options))


# Usual names of the parameter that gets all options from RLlib.
_NAMES_OF_ALL_OPTIONS = (
    "config", "env_config", "env_context", "env_ctx", "context", "ctx", "cfg", "conf", "options",
    "params",
)  # fmt: skip


def _arguments(
    env_class: Callable[..., gym.Env], options: dict[str, Any]
) -> tuple[Callable[..., gym.Env], dict[str, Any]]:
    """A class and its keyword arguments: the options by name, or, as in RLlib, all of them in its only
    parameter (``def __init__(self, config)``)."""
    try:
        parameters = list(inspect.signature(env_class).parameters.values())
    except (TypeError, ValueError):  # written in C or without a signature
        return env_class, options
    single = parameters[0] if len(parameters) == 1 else None
    if single is None or single.kind is not single.POSITIONAL_OR_KEYWORD or single.name in options:
        return env_class, options
    required = single.default is single.empty
    takes_all = required or (bool(options) and single.name in _NAMES_OF_ALL_OPTIONS)
    return env_class, {single.name: options} if takes_all else options


def _class_at(path: str) -> type[gym.Env]:
    """The environment class at a dotted path.

    Raises:
        EnvironmentRequestError: names the nearest gymnasium id, if any.
    """
    module_name, _, attribute = path.rpartition(".")
    # Gymnasium ids carry a version ("-v1"); only names without one can be dotted paths.
    if module_name and "-v" not in attribute:
        try:
            env_class = import_class(path)
        except (ImportError, AttributeError) as error:
            raise EnvironmentRequestError(
                f"environment {path!r} cannot be imported: {error}"
            ) from error
        # It is called with values from a file: with subprocess.Popen, for example, a file could run any
        # command.
        if not (isinstance(env_class, type) and issubclass(env_class, gym.Env)):
            raise EnvironmentRequestError(f"{path!r} is not a subclass of gymnasium.Env")
        return env_class
    legacy = legacy_atari_id(path)
    if legacy is not None:
        raise EnvironmentRequestError(
            f"environment {path!r} is a legacy id; use {legacy.env!r} with env_config "
            f"{legacy.env_config}"
        )
    raise EnvironmentRequestError(
        f"environment {path!r} is not registered with gymnasium{_hint(path)}"
    )


def _hint(name: str) -> str:
    """A suggestion: the id with the most similar name, its version apart."""
    ids = [env_id for env_id in gym.registry if "ale_py" not in str(gym.spec(env_id).entry_point)]
    near = nearest_name(name, {env_id: env_id for env_id in (*ids, *OWN)} | games_by_name())
    return f"; did you mean {near!r}?" if near else ""


def call_with_options(name: str, build: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Build an environment; invalid options become an EnvironmentRequestError of one line."""
    try:
        return build(**options)
    except gym.error.DependencyNotInstalled as error:
        raise EnvironmentRequestError(_missing_package(name, str(error))) from error
    except (TypeError, gym.error.Error, ValueError) as error:
        keys = ", ".join(sorted(options)) or "none"
        reason = str(error).splitlines()[0]
        raise EnvironmentRequestError(
            f"environment {name!r} cannot be built with env_config keys ({keys}): {reason}"
        ) from error


def _missing_package(name: str, reason: str) -> str:
    """The message for a missing package; for MuJoCo it names this project's extra with tested versions."""
    advice = reason.splitlines()[0]
    if "mujoco" in reason.lower():
        advice = "MuJoCo is not installed; run: pip install 'rllib-zoo[mujoco]'"
    return f"environment {name!r} needs a missing package: {advice}"
