"""Resolving an environment's name to a function that builds one copy.

An environment may be named by a gymnasium id (``CartPole-v1``), by a name registered with
``ray.tune.registry.register_env``, by a dotted class path (``my_module.MyEnv``) or by the class
itself.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

import gymnasium as gym

from rllib_zoo.class_path import import_class
from rllib_zoo.envs.atari.ids import games_by_name, is_atari, legacy_atari_id, nearest_name
from rllib_zoo.envs.ball_balance.env import SPEC as BALL_SPEC
from rllib_zoo.envs.errors import EnvironmentRequestError, UnknownEnvironmentError

if TYPE_CHECKING:
    from ray.rllib.env.env_context import EnvContext

VECTORIZE_MODES = ("vector_entry_point", "sync", "async")
# Ids of this project's own environments; they are not in gymnasium's registry.
OWN = {BALL_SPEC.id: BALL_SPEC}

# Where current releases have RLlib's own example environments. One of them is a function.
RLLIB_EXAMPLES = "ray.rllib.examples.envs.classes."
LIMIT = "max_episode_steps"


def registered_creator(env: object) -> Callable[[EnvContext], gym.Env] | None:
    """The function registered for a name with ``ray.tune.registry.register_env``; None without one."""
    registry = sys.modules.get("ray.tune.registry")
    if registry is None:  # nothing is, as long as nobody imported it: that takes a second
        return None
    names, kind = registry._global_registry, registry.ENV_CREATOR
    return names.get(kind, env) if names.contains(kind, env) else None


def uses_ale(env: object) -> TypeGuard[str]:
    """Whether it is one of ale-py's games and not a name the user registered."""
    return is_atari(env) and registered_creator(env) is None


def environment_name(env: str | type[gym.Env]) -> str:
    """An environment's name in messages."""
    return env if isinstance(env, str) else env.__name__


def gymnasium_spec(env: str | type[gym.Env]) -> gym.envs.registration.EnvSpec | None:
    """The spec of an id of gymnasium or of this project; None for other names."""
    if not isinstance(env, str) or registered_creator(env) is not None:
        return None
    spec = OWN.get(env) or gym.registry.get(env)
    # ale-py registers the legacy ids too; those would have raw frames and no stack.
    return None if spec is not None and "ale_py" in str(spec.entry_point) else spec


def context_of(env_config: Mapping[str, Any] | None) -> EnvContext:
    """``env_config`` as RLlib's EnvContext, a copy; by default that of the training process's copy 0."""
    from ray.rllib.env.env_context import EnvContext

    if isinstance(env_config, EnvContext):
        return env_config.copy_with_overrides()
    return EnvContext(dict(env_config or {}), worker_index=0, vector_index=0, num_workers=0)


def creator_of(env: str | type[gym.Env]) -> Callable[[EnvContext], gym.Env]:
    """A function that builds the copy of an environment with these options and indices.

    Registered creators, and classes that take all options in one argument, get a copy of its argument:
    some take options out of it.
    """
    if isinstance(env, type):
        return partial(_build_class, env.__name__, env)
    spec = gymnasium_spec(env)
    if spec is not None:
        return partial(call_with_options, spec.id, partial(gym.make, spec))
    if (registered := registered_creator(env)) is not None:
        return partial(_build_registered, env, registered)
    build = _build_example if env.startswith(RLLIB_EXAMPLES) else _build_class
    return partial(build, env, class_at(env))


def _build_registered(
    name: str, creator: Callable[[EnvContext], gym.Env], context: EnvContext
) -> gym.Env:
    try:
        return creator(context_of(context))
    except SystemExit as error:
        raise _exit_refused(name, error) from error


def _build_class(name: str, env_class: Callable[..., gym.Env], context: EnvContext) -> gym.Env:
    return call_with_options(name, *arguments_of(env_class, context_of(context)))


def _build_example(name: str, env_class: Callable[..., gym.Env], context: EnvContext) -> gym.Env:
    """RLlib's own example environment, with the time limit that gymnasium's ids have as an option."""
    options = context_of(context)
    steps = options.pop(LIMIT, None)
    env = _build_class(name, env_class, options)
    return env if steps is None else gym.wrappers.TimeLimit(env, steps)


# Usual names of the parameter that gets all options from RLlib.
_NAMES_OF_ALL_OPTIONS = (
    "config", "env_config", "env_context", "env_ctx", "context", "ctx", "cfg", "conf", "options",
    "params",
)  # fmt: skip


def arguments_of(
    env_class: Callable[..., gym.Env], options: dict[str, Any]
) -> tuple[Callable[..., gym.Env], dict[str, Any]]:
    """A class and its keyword arguments: the options by name, or, as in RLlib, all of them in one
    parameter (``def __init__(self, config)``).

    That is the only parameter if it is required, or the first one if it has a usual name and no other
    is required.
    """
    try:
        first, *others = inspect.signature(env_class).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature, or without parameters
        return env_class, options
    if first.kind is not first.POSITIONAL_OR_KEYWORD or first.name in options:
        return env_class, options
    is_only = not others and first.default is first.empty
    optional = all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in others
    )
    takes_all = is_only or (first.name in _NAMES_OF_ALL_OPTIONS and optional)
    return env_class, {first.name: options} if takes_all else options


def class_at(path: str) -> Callable[..., gym.Env]:
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
        if path.startswith(RLLIB_EXAMPLES) and inspect.isfunction(env_class):
            # It takes its own settings out of the dict, which all copies share.
            return lambda config: env_class(dict(config))
        if not (isinstance(env_class, type) and issubclass(env_class, gym.Env)):
            raise EnvironmentRequestError(f"{path!r} is not a subclass of gymnasium.Env")
        return env_class
    legacy = legacy_atari_id(path)
    if legacy is not None:
        raise EnvironmentRequestError(
            f"environment {path!r} is a legacy id; use {legacy.env!r} with env_config "
            f"{legacy.env_config}"
        )
    hint = _hint(path)
    kind = EnvironmentRequestError if hint else UnknownEnvironmentError
    raise kind(f"environment {path!r} is not registered with gymnasium{hint}")


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
    except SystemExit as error:
        raise _exit_refused(name, error) from error
    except (TypeError, gym.error.Error, ValueError) as error:
        keys = ", ".join(sorted(options)) or "none"
        reason = str(error).splitlines()[0]
        raise EnvironmentRequestError(
            f"environment {name!r} cannot be built with env_config keys ({keys}): {reason}"
        ) from error


def _exit_refused(name: str, error: SystemExit) -> EnvironmentRequestError:
    return EnvironmentRequestError(f"environment {name!r} exits while it is built: {error}")


def _missing_package(name: str, reason: str) -> str:
    """The message for a missing package; for MuJoCo it names this project's extra with tested versions."""
    advice = reason.splitlines()[0]
    if "mujoco" in reason.lower():
        advice = "MuJoCo is not installed; run: pip install 'rllib-zoo[mujoco]'"
    return f"environment {name!r} needs a missing package: {advice}"
