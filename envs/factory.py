"""The factory of environments, for every algorithm, evaluation and video.

``envs/creators.py`` resolves names. Dict, Tuple, Discrete and MultiBinary observations are flattened
to one Box, whose ``original_space`` is the environment's. Atari games (``ALE/Pong-v5``) are built by
``envs/atari/vector_env.py``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import FlattenObservation
from gymnasium.wrappers.vector import FlattenObservation as VectorFlattenObservation
from ray.rllib.env.env_context import EnvContext
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from rllib_zoo.envs.creators import (
    VECTORIZE_MODES,
    call_with_options,
    context_of,
    creator_of,
    environment_name,
    gymnasium_spec,
    uses_ale,
)
from rllib_zoo.envs.errors import EnvironmentRequestError
from rllib_zoo.envs.mujoco.vector_env import MujocoVectorEnv, has_native_vector
from rllib_zoo.envs.restart_wrapper import restartable
from rllib_zoo.envs.space_checks import unsupported_action_space


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
        env_config: keyword arguments of the environment; a registered creator, and a class with one
            argument, gets RLlib's EnvContext. With an EnvContext here its indices are those of the first
            copy, else 0.
        vectorize_mode: ``vector_entry_point`` uses the environment's own vector implementation if it has
            one (with it 64 CartPoles step 8 times as fast), ``envs/mujoco/vector_env.py`` for MuJoCo's
            tasks, and ``sync`` otherwise; ``async`` gives every copy a process, for environments
            slower than about a millisecond per step. Atari games support the first only.
        num_threads: threads that step Atari games and MuJoCo's tasks, >= 1; others ignore it.
        restart_failed: with ``sync`` and ``async``, True restarts a copy that raises, False names it in
            the error (``envs/restart_wrapper.py``). None: errors are raised unchanged.

    Raises:
        EnvironmentRequestError: unknown environment, invalid options or unsupported spaces.
    """
    if vectorize_mode not in VECTORIZE_MODES:
        raise EnvironmentRequestError(
            f"gym_env_vectorize_mode {vectorize_mode!r} is unknown; "
            f"choose one of {', '.join(VECTORIZE_MODES)}"
        )
    options = context_of(env_config)
    if uses_ale(env):
        if vectorize_mode != "vector_entry_point":
            raise EnvironmentRequestError(
                f"environment {env!r} is stepped by ale-py's own threads; gym_env_vectorize_mode "
                f"{vectorize_mode!r} is not supported, leave it at 'vector_entry_point'"
            )
        from rllib_zoo.envs.atari.vector_env import make_atari_vector

        return make_atari_vector(env, num_envs, options, num_threads)
    spec = gymnasium_spec(env) if vectorize_mode == "vector_entry_point" else None
    if spec is not None and has_native_vector(spec.id):
        build = partial(MujocoVectorEnv, spec.id, num_envs, num_threads)
        vector: VectorEnv = call_with_options(spec.id, build, options)
    elif spec is not None and spec.vector_entry_point is not None:
        build = partial(gym.make_vec, spec, num_envs, vectorization_mode=vectorize_mode)
        vector = call_with_options(spec.id, build, options)
    else:
        create, first = creator_of(env), options.vector_index
        creators: list[Callable[[], gym.Env]] = [
            partial(create, options.copy_with_overrides(vector_index=first + i))
            for i in range(num_envs)
        ]
        vector_class = AsyncVectorEnv if vectorize_mode == "async" else SyncVectorEnv
        if restart_failed is not None:
            name = environment_name(env)
            creators = [
                partial(restartable, name, i, creator, restart_failed)
                for i, creator in enumerate(creators)
            ]
        vector = vector_class(creators)
    original = vector.single_observation_space
    if not isinstance(original, gym.spaces.Box):
        vector = VectorFlattenObservation(vector)
        vector.single_observation_space = _with_original(vector.single_observation_space, original)
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
    options = context_of(env_config)
    if uses_ale(env):
        from rllib_zoo.envs.atari.single_env import make_atari_single

        return make_atari_single(env, options, render_mode)
    single = _drawing(env, options, render_mode) if render_mode else creator_of(env)(options)
    if isinstance(single, MultiAgentEnv):
        raise EnvironmentRequestError(
            f"environment {env!r} has several agents; only one is supported"
        )
    original = single.observation_space
    if not isinstance(original, gym.spaces.Box):
        single = FlattenObservation(single)
        single.observation_space = _with_original(single.observation_space, original)
    _require_supported_spaces(env, single.observation_space, single.action_space)
    return single


def _drawing(env: str | type[gym.Env], options: EnvContext, render_mode: str) -> gym.Env:
    """A copy that draws if it can: built with ``render_mode``, or, where it takes none, set to it."""
    try:
        with_mode = options.copy_with_overrides(env_config={**options, "render_mode": render_mode})
        single = creator_of(env)(with_mode)
    except Exception:  # of the environment's own code, which may not know the option
        single = creator_of(env)(options)
    drawing = getattr(single, "unwrapped", None)
    if isinstance(drawing, gym.Env) and drawing.render_mode != render_mode:
        with contextlib.suppress(AttributeError):  # a property
            drawing.render_mode = render_mode
    return single


def _with_original(flat: gym.Space, original: gym.Space) -> gym.Space:
    """A flattened space that knows the environment's own, by the attribute that RLlib's models read."""
    flat.original_space = original
    return flat


def environment_spaces(
    env: str | type[gym.Env], env_config: Mapping[str, Any] | None = None
) -> tuple[gym.Space, gym.Space]:
    """Observation and action space of one copy as the networks see them; builds a copy."""
    single = make_single_env(env, env_config)
    spaces = single.observation_space, single.action_space
    single.close()
    return spaces


def environment_signature(
    env: str | type[gym.Env], env_config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What must be equal for the scores of two runs to be comparable.

    Atari games: the id, every option with its default, and the ROM's MD5; others: ``id`` and
    ``env_config``.

    Raises:
        EnvironmentRequestError: unknown Atari game or invalid option of one.
    """
    if uses_ale(env):
        from rllib_zoo.envs.atari.vector_env import atari_signature

        return atari_signature(env, env_config)
    return {"id": str(env), "env_config": dict(env_config or {})}


def _require_supported_spaces(env: object, observation: gym.Space, action: gym.Space) -> None:
    if not isinstance(observation, gym.spaces.Box):
        raise EnvironmentRequestError(
            f"environment {env!r} has observations of {observation}; supported are Box and the "
            "spaces gymnasium can flatten into one Box"
        )
    refused = unsupported_action_space(action)
    if refused is not None:
        part = "" if refused is action else f", with {refused} in it"
        kind = "integer actions" if isinstance(action, gym.spaces.Box) else "actions"
        raise EnvironmentRequestError(
            f"environment {env!r} has {kind} of {action}{part}; supported are Discrete, MultiDiscrete, "
            "MultiBinary, Box of floating-point numbers, and Dict and Tuple of these"
        )
