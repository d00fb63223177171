"""Translate environment ids of older releases, and the settings of RLlib's Atari wrappers."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym

from rllib_zoo.envs import EnvironmentRequestError, is_atari, legacy_atari_id
from rllib_zoo.envs.creators import RLLIB_EXAMPLES
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import GRID, grid_values, require_number, require_single

_RENAMED = {
    "Pendulum-v0": "Pendulum-v1", "MountainCarContinuous-v1": "MountainCarContinuous-v0",
    "Acrobot-v0": "Acrobot-v1", "LunarLander-v2": "LunarLander-v3",
    "LunarLanderContinuous-v2": "LunarLanderContinuous-v3", "BipedalWalker-v2": "BipedalWalker-v3",
    "BipedalWalkerHardcore-v2": "BipedalWalkerHardcore-v3", "CarRacing-v0": "CarRacing-v3",
    "CarRacing-v1": "CarRacing-v3", "CarRacing-v2": "CarRacing-v3", "Blackjack-v0": "Blackjack-v1",
    "CliffWalking-v0": "CliffWalking-v1", "FrozenLake-v0": "FrozenLake-v1",
    "FrozenLake8x8-v0": "FrozenLake8x8-v1", "Taxi-v1": "Taxi-v3", "Taxi-v2": "Taxi-v3",
}  # fmt: skip
_ONE_GRAY_FRAME = "one gray frame instead of a stack of four"
# Default of ``preprocessor_pref``.
DEEPMIND = "deepmind"
_MUJOCO = re.compile(
    r"(Ant|HalfCheetah|Hopper|Humanoid|HumanoidStandup|InvertedDoublePendulum|InvertedPendulum|"
    r"Pusher|Reacher|Swimmer|Walker2d)-v[1-3]"
)
_EXAMPLES = re.compile(r"ray\.rllib\.examples\.(?:env|envs\.classes)\.(\w+)\.(\w+)")
_NOT_SUPPORTED = {
    "recommender_system_envs_with_recsim": "Ray removed RLlib's recommender environments",
    "recommender_system_envs": "Ray removed RLlib's recommender environments",
    "unity3d_env": "Ray removed RLlib's Unity environments",
}
_PYBULLET = "PyBullet environments need gym, which is incompatible with gymnasium"


def current_env(env: Any) -> tuple[Any, dict[str, Any], str]:
    """The current name of an environment, the options that the old id implied, and a note.

    Raises:
        RequestError: the environment does not exist any more.
    """
    if not isinstance(env, str):
        return env, {}, ""
    if env in _RENAMED:
        return _RENAMED[env], {}, f"{env} is replaced by {_RENAMED[env]}"
    if match := _MUJOCO.fullmatch(env):
        new = f"{match[1]}-v5"
        return new, {}, f"{env} is replaced by {new}: other physics, so scores differ"
    if "BulletEnv" in env:
        raise RequestError(f"{env!r} is not supported: {_PYBULLET}", key="env")
    if match := _EXAMPLES.fullmatch(env):
        return _current_example(env, match[1], match[2])
    try:
        legacy = legacy_atari_id(env)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key="env") from None
    return (env, {}, "") if legacy is None else (legacy.env, legacy.env_config, legacy.note)


def is_legacy_id(env: Any) -> bool:
    """Whether only older releases have an environment of this name."""
    try:
        name, options, _ = current_env(env)
    except RequestError:
        return True
    return bool(name != env and (options or not is_atari(name)))


def _current_example(env: str, module: str, name: str) -> tuple[Any, dict[str, Any], str]:
    if module in _NOT_SUPPORTED:
        raise RequestError(f"{env!r} is not supported: {_NOT_SUPPORTED[module]}", key="env")
    if "multi_agent" in module or "two_step" in module or "rock_paper" in module:
        raise RequestError(f"{env!r}: multi-agent training is not supported", key="env")
    new = f"{RLLIB_EXAMPLES}{module}.{name}"
    return new, {}, f"{env} moved to {new}" if new != env else ""


def translate_env(edits: Edits, preference: Any = DEEPMIND) -> None:
    """Replace legacy ids, also in a grid, and set the options that they implied.

    Raises:
        RequestError: an environment does not exist any more, or a grid implies several options.
    """
    envs = [current_env(env) for env in grid_values(edits.get("env"))]
    options = envs[0][1]
    if any(other != options for _, other, _ in envs):
        problem = "the ids of this grid need different options"
        raise RequestError(problem, key="env", hint="split the grid")
    notes = [note.rstrip(".") for _, _, note in envs if note]
    if not notes:
        return
    names = [name for name, _, _ in envs]
    edits.change("env", "env", names[0] if len(names) == 1 else {GRID: names}, "; ".join(notes))
    if is_atari(names[0]):
        for key, value in {**options, **_wrapper_options(preference)}.items():
            edits.fill(f"config.env_config.{key}", value, "implied by the legacy id")


def _wrapper_options(preference: Any) -> dict[str, Any]:
    """Options of RLlib's Atari wrappers: Mnih et al.'s, or with ``rllib`` one gray frame."""
    if preference == "rllib":
        return {"stack_size": 1, "noop_max": 0, "use_fire_reset": False}
    return {"terminal_on_life_loss": True} if preference == DEEPMIND else {}


def atari_preprocessing(edits: Edits, preference: Any) -> None:
    """Translate ``preprocessor_pref`` and Atari options, as RLlib's wrappers used them."""
    are_atari = [is_atari(env) for env in grid_values(edits.get("env"))]
    atari = any(are_atari)
    if all(are_atari):
        whole_games = preference == DEEPMIND and edits.get("run") == "DQN"  # by RLlib's env runner
        for key, value in ({} if whole_games else _wrapper_options(preference)).items():
            edits.fill(f"config.env_config.{key}", value, "default of RLlib's Atari wrappers")
    why = "observations are used as the environment returns them"
    if atari:
        reasons = {"deepmind": "it is the default for Atari", "rllib": _ONE_GRAY_FRAME}
        why = reasons.get(str(preference), "observations are frames")
    edits.remove("config.preprocessor_pref", why)
    _frame_stack(edits, atari)
    if not atari:
        return
    edits.remove("config.env_config.nondeterministic", "seeds set the randomness")
    if edits.get("config.env_config.frameskip") == 1 and preference != "rllib":
        path = "config.env_config.frameskip"
        edits.change(path, path, 4, "RLlib's wrappers skipped 4 frames if the game skipped none")
    if preference == "rllib":
        edits.fill("config.clip_rewards", False, "rewards were clipped by default in deepmind only")


def _frame_stack(edits: Edits, atari: bool) -> None:
    """The model's ``framestack`` keys are the environment's ``stack_size``."""
    new = "config.env_config.stack_size"
    for name, disabled in (("framestack", False), ("no_framestack", True), ("num_framestacks", 0)):
        path = f"config.model.{name}"
        if not edits.has(path):
            continue
        value = require_single(edits.get(path), path)
        if atari and value == disabled:
            edits.change(path, new, 1, "one frame instead of a stack of four")
        elif atari and name == "num_framestacks" and isinstance(value, int):
            edits.change(path, new, value, "the environment stacks frames")
        else:
            edits.remove(path, "Atari environments stack four frames, others none")


def horizon(edits: Edits) -> None:
    """The time limit is set in the environment's options."""
    steps = edits.get("config.horizon")
    if steps is None or steps == float("inf"):
        edits.remove("config.horizon", "the environment ends its episodes")
        return
    steps = require_number(steps, "config.horizon")
    steps = int(steps) if float(steps).is_integer() else steps
    if any(is_atari(env) for env in grid_values(edits.get("env"))):
        path = "config.env_config.frameskip"
        skip = require_number(edits.get(path, 4), path)
        new = "config.env_config.max_num_frames_per_episode"
        edits.change("config.horizon", new, steps * skip, f"{steps} steps of {skip} frames")
    else:
        _time_limit(edits, steps)


def _time_limit(edits: Edits, steps: int | float) -> None:
    """Set the environment's time limit, unless its own limit is shorter."""
    path, envs = "config.horizon", grid_values(edits.get("env"))
    unknown = [
        env
        for env in envs
        if not (isinstance(env, str) and (env in gym.registry or env.startswith(RLLIB_EXAMPLES)))
    ]
    if unknown:
        problem = f"cannot limit {unknown[0]!r}, which is not a gymnasium id, to {steps} steps"
        hint = "remove horizon and wrap the environment in gymnasium.wrappers.TimeLimit"
        raise RequestError(problem, key=path, hint=hint)
    limits: list[Any] = [
        gym.registry[env].max_episode_steps if env in gym.registry else None for env in envs
    ]
    if None not in limits and steps >= max(limits):
        edits.remove(path, f"episodes end after {max(limits)} steps")
    elif any(limit is not None and steps > limit for limit in limits):
        raise RequestError("some environments of this grid end sooner", key=path, hint="split it")
    else:
        new = "config.env_config.max_episode_steps"
        edits.change(path, new, steps, "is the environment's time limit")
