"""The one door to environments: every algorithm, evaluation and video gets its worlds here.

An environment may be named by a gymnasium id (``CartPole-v1``), by a name registered with
``ray.tune.registry.register_env``, by a dotted class path (``my_module.MyEnv``) or by the class
itself. Dict, Tuple, Discrete and MultiBinary observations are flattened to one Box. Atari games
(``ALE/Pong-v5``) are built by ``envs/atari.py``.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeGuard

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import FlattenObservation
from gymnasium.wrappers.vector import FlattenObservation as VectorFlattenObservation
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from ray.tune.registry import ENV_CREATOR, _global_registry

from envs.atari_ids import games_by_name, is_atari, legacy_atari_id, nearest_name
from envs.ball_balance import SPEC as BALL_SPEC
from envs.errors import EnvironmentRequestError
from envs.mujoco_vector import MujocoVectorEnv, has_native_vector
from envs.watched import watched

VECTORIZE_MODES = ("vector_entry_point", "sync", "async")
# Ids of this project's own worlds. They are known here alone: nothing enters gymnasium's registry.
OWN = {BALL_SPEC.id: BALL_SPEC}


def make_vector_env(
    env: str | type[gym.Env],
    num_envs: int,
    env_config: Mapping[str, Any] | None = None,
    vectorize_mode: str = "vector_entry_point",
    num_threads: int = 1,
    restart_failed: bool | None = None,
) -> VectorEnv:
    """Build ``num_envs`` copies of an environment, stepped together.

    Args:
        env: gymnasium id, registered name, class path or class.
        num_envs: number of copies, N >= 1.
        env_config: keyword arguments of the environment (a registered creator gets the dict whole).
        vectorize_mode: ``vector_entry_point`` uses the environment's own vector implementation where it has
            one (CartPole steps 64 copies 8 times faster so), ours for MuJoCo's tasks
            (:mod:`envs.mujoco_vector`), and ``sync`` elsewhere; ``async``
            gives every copy a process, for environments slower than about a millisecond a step.
            Atari games have the first only.
        num_threads: threads that play Atari games and MuJoCo's tasks, >= 1; other environments have no
            use for it.
        restart_failed: watch every copy of ``sync`` and ``async``: True builds one anew that raises,
            False names it (:mod:`envs.watched`). None: errors come as they are.

    Raises:
        EnvironmentRequestError: unknown environment, refused options or unsupported spaces.
    """
    if vectorize_mode not in VECTORIZE_MODES:
        raise EnvironmentRequestError(
            f"gym_env_vectorize_mode {vectorize_mode!r} is unknown; "
            f"choose one of {', '.join(VECTORIZE_MODES)}"
        )
    options = dict(env_config or {})
    if _is_atari(env):
        if vectorize_mode != "vector_entry_point":
            raise EnvironmentRequestError(
                f"environment {env!r} is played by ale-py's own threads; gym_env_vectorize_mode "
                f"{vectorize_mode!r} is not offered, leave it at 'vector_entry_point'"
            )
        from envs.atari import make_atari_vector

        return make_atari_vector(env, num_envs, options, num_threads)
    spec = _gymnasium_spec(env)
    native = vectorize_mode == "vector_entry_point" and spec is not None
    if native and spec is not None and has_native_vector(spec.id):
        build = partial(MujocoVectorEnv, spec.id, num_envs, num_threads)
        vector: VectorEnv = _call_with_options(spec.id, build, options)
    elif native and spec is not None and spec.vector_entry_point is not None:
        vector = _call_with_options(
            spec.id,
            partial(gym.make_vec, spec, num_envs, vectorization_mode="vector_entry_point"),
            options,
        )
    else:
        creator = _creator(env, options)
        vector_class = AsyncVectorEnv if vectorize_mode == "async" else SyncVectorEnv
        creators = [creator] * num_envs
        if restart_failed is not None:
            name = environment_name(env)
            creators = [partial(watched, name, i, creator, restart_failed) for i in range(num_envs)]
        vector = vector_class(creators)
    if not isinstance(vector.single_observation_space, gym.spaces.Box):
        vector = VectorFlattenObservation(vector)
    _require_supported_spaces(env, vector.single_observation_space, vector.single_action_space)
    return vector


def make_single_env(
    env: str | type[gym.Env],
    env_config: Mapping[str, Any] | None = None,
    render_mode: str | None = None,
) -> gym.Env:
    """Build one copy, for videos and checks; the same options as :func:`make_vector_env`.

    Raises:
        EnvironmentRequestError: as :func:`make_vector_env`.
    """
    options = dict(env_config or {})
    if _is_atari(env):
        from envs.atari import make_atari_single

        return make_atari_single(env, options, render_mode)
    if render_mode is not None:
        options["render_mode"] = render_mode
    single = _creator(env, options)()
    if isinstance(single, MultiAgentEnv):
        raise EnvironmentRequestError(f"environment {env!r} has several agents; one is supported")
    if not isinstance(single.observation_space, gym.spaces.Box):
        single = FlattenObservation(single)
    _require_supported_spaces(env, single.observation_space, single.action_space)
    return single


def environment_name(env: str | type[gym.Env]) -> str:
    """What messages call it."""
    return env if isinstance(env, str) else env.__name__


def environment_spaces(
    env: str | type[gym.Env], env_config: Mapping[str, Any] | None = None
) -> tuple[gym.Space, gym.Space]:
    """Observation and action space of one copy as the networks see them; builds and closes it."""
    single = make_single_env(env, env_config)
    spaces = single.observation_space, single.action_space
    single.close()
    return spaces


def environment_signature(
    env: str | type[gym.Env], env_config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What must agree before two runs' scores may be compared.

    Atari games: the id, every option with its default, and the ROM's MD5; others: ``id`` and
    ``env_config`` as given.

    Raises:
        EnvironmentRequestError: unknown Atari game or refused option of one.
    """
    if _is_atari(env):
        from envs.atari import atari_signature

        return atari_signature(env, env_config)
    return {"id": str(env), "env_config": dict(env_config or {})}


def _is_atari(env: str | type[gym.Env]) -> TypeGuard[str]:
    """Whether Atari's own door builds it; a registered name wins, as everywhere."""
    return is_atari(env) and not _global_registry.contains(ENV_CREATOR, env)


def _gymnasium_spec(env: str | type[gym.Env]) -> gym.envs.registration.EnvSpec | None:
    """The entry of an id of gymnasium's or of ours, or None when the name is neither."""
    if not isinstance(env, str) or _global_registry.contains(ENV_CREATOR, env):
        return None
    spec = OWN.get(env) or gym.registry.get(env)
    # ale-py registers the retired ids too; those would show raw frames and no stack.
    return None if spec is not None and "ale_py" in str(spec.entry_point) else spec


def _creator(env: str | type[gym.Env], options: dict[str, Any]) -> Callable[[], gym.Env]:
    """A function that builds one copy."""
    if isinstance(env, type):
        return partial(_call_with_options, env.__name__, *_arguments(env, options))
    spec = _gymnasium_spec(env)
    if spec is not None:
        return partial(_call_with_options, spec.id, partial(gym.make, spec), options)
    if _global_registry.contains(ENV_CREATOR, env):
        return partial(_global_registry.get(ENV_CREATOR, env), options)
    return partial(_call_with_options, env, *_arguments(_class_at(env), options))


# How people call the parameter of a class that RLlib gives all options.
_NAMES_OF_ALL_OPTIONS = (
    "config",
    "env_config",
    "env_context",
    "env_ctx",
    "context",
    "ctx",
    "cfg",
    "conf",
    "options",
    "params",
)


def _arguments(
    env_class: Callable[..., gym.Env], options: dict[str, Any]
) -> tuple[Callable[..., gym.Env], dict[str, Any]]:
    """How to call a class: with the options by name, or, as RLlib does it, with all in its one
    parameter (``def __init__(self, config)``)."""
    try:
        parameters = list(inspect.signature(env_class).parameters.values())
    except (TypeError, ValueError):  # of C or without a signature
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
        EnvironmentRequestError: with the nearest gymnasium id where there is one.
    """
    module_name, _, attribute = path.rpartition(".")
    # Gymnasium ids carry a version ("-v1"); only names without one can be dotted paths.
    if module_name and "-v" not in attribute:
        try:
            found = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise EnvironmentRequestError(
                f"environment {path!r} cannot be imported: {error}"
            ) from error
        # It is called with values from a file: of anything else, subprocess.Popen for one, a file
        # could start what it likes.
        if not (isinstance(found, type) and issubclass(found, gym.Env)):
            raise EnvironmentRequestError(f"{path!r} is not a class of gymnasium environments")
        return found
    legacy = legacy_atari_id(path)
    if legacy is not None:
        raise EnvironmentRequestError(
            f"environment {path!r} is retired; ask for {legacy.env!r} with env_config "
            f"{legacy.env_config}"
        )
    raise EnvironmentRequestError(
        f"environment {path!r} is not registered with gymnasium{_hint(path)}"
    )


def _hint(name: str) -> str:
    """The id whose name, its version apart, is spelt most like the one asked for."""
    known = [env_id for env_id in gym.registry if "ale_py" not in str(gym.spec(env_id).entry_point)]
    known += OWN
    near = nearest_name(name, {env_id: env_id for env_id in known} | games_by_name())
    return f"; did you mean {near!r}?" if near else ""


def _call_with_options(name: str, build: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Build an environment; refused options become one sentence instead of a stack of frames."""
    try:
        return build(**options)
    except gym.error.DependencyNotInstalled as error:
        raise EnvironmentRequestError(_missing_package(name, str(error))) from error
    except (TypeError, gym.error.Error, ValueError) as error:
        given = ", ".join(sorted(options)) or "none given"
        reason = str(error).splitlines()[0]
        raise EnvironmentRequestError(
            f"environment {name!r} cannot be built with env_config keys ({given}): {reason}"
        ) from error


def _missing_package(name: str, reason: str) -> str:
    """Gymnasium's advice would leave this project's tested ranges; ours names the extra."""
    advice = reason.splitlines()[0]
    if "mujoco" in reason.lower():
        advice = "MuJoCo is not installed; run: pip install 'rllib-zoo[mujoco]'"
    return f"environment {name!r} needs a package that is missing: {advice}"


def _require_supported_spaces(env: object, observation: gym.Space, action: gym.Space) -> None:
    if not isinstance(observation, gym.spaces.Box):
        raise EnvironmentRequestError(
            f"environment {env!r} has observations of {observation}; supported are Box and the "
            "spaces gymnasium can flatten into one Box"
        )
    if not isinstance(action, gym.spaces.Discrete | gym.spaces.Box):
        raise EnvironmentRequestError(
            f"environment {env!r} has actions of {action}; supported are Discrete and Box"
        )
    if isinstance(action, gym.spaces.Box) and not np.issubdtype(action.dtype, np.floating):
        raise EnvironmentRequestError(
            f"environment {env!r} has integer actions of {action}; supported are Discrete and "
            "Box of floating-point numbers"
        )
