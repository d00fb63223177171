"""Retired environment ids, and what RLlib's own wrappers did with them."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym

from rllib_zoo.envs import EnvironmentRequestError, is_atari, legacy_atari_id
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import GRID, Edits, each, one_value, plain_number

_RENAMED = {
    "Pendulum-v0": "Pendulum-v1",
    "MountainCarContinuous-v1": "MountainCarContinuous-v0",
    "Acrobot-v0": "Acrobot-v1",
    "LunarLander-v2": "LunarLander-v3",
    "LunarLanderContinuous-v2": "LunarLanderContinuous-v3",
    "BipedalWalker-v2": "BipedalWalker-v3",
    "BipedalWalkerHardcore-v2": "BipedalWalkerHardcore-v3",
    "CarRacing-v0": "CarRacing-v3",
    "CarRacing-v1": "CarRacing-v3",
    "CarRacing-v2": "CarRacing-v3",
    "Blackjack-v0": "Blackjack-v1",
    "CliffWalking-v0": "CliffWalking-v1",
    "FrozenLake-v0": "FrozenLake-v1",
    "FrozenLake8x8-v0": "FrozenLake8x8-v1",
    "Taxi-v1": "Taxi-v3",
    "Taxi-v2": "Taxi-v3",
}
# What ``preprocessor_pref`` is where nothing asks for less.
DEEPMIND = "deepmind"
_MUJOCO = re.compile(
    r"(Ant|HalfCheetah|Hopper|Humanoid|HumanoidStandup|InvertedDoublePendulum|InvertedPendulum|"
    r"Pusher|Reacher|Swimmer|Walker2d)-v[1-3]"
)
_EXAMPLES = re.compile(r"ray\.rllib\.examples\.(?:env|envs\.classes)\.(\w+)\.(\w+)")
_GONE = {
    "recommender_system_envs_with_recsim": "RLlib's recommender environments are gone from Ray",
    "recommender_system_envs": "RLlib's recommender environments are gone from Ray",
    "parametric_actions_cartpole": "environments with a changing set of actions are not supported",
    "unity3d_env": "RLlib's Unity environments are gone from Ray",
}
_PYBULLET = "PyBullet's environments need the retired gym, which does not run beside gymnasium"


def today(env: Any) -> tuple[Any, dict[str, Any], str]:
    """Today's name of an environment, the options the old one stood for, and what to say.

    Raises:
        RequestError: it is no longer there.
    """
    if not isinstance(env, str):
        return env, {}, ""
    if env in _RENAMED:
        return _RENAMED[env], {}, f"{env} is {_RENAMED[env]} now"
    if match := _MUJOCO.fullmatch(env):
        new = f"{match[1]}-v5"
        return new, {}, f"{env} is {new} now: other physics, so scores differ"
    if "BulletEnv" in env:
        raise RequestError(f"{env!r} is not offered: {_PYBULLET}", key="env")
    if match := _EXAMPLES.fullmatch(env):
        return _example(env, match[1], match[2])
    try:
        legacy = legacy_atari_id(env)
    except EnvironmentRequestError as error:
        raise RequestError(str(error), key="env") from None
    return (env, {}, "") if legacy is None else (legacy.env, legacy.env_config, legacy.note)


def is_retired_id(env: Any) -> bool:
    """Whether only retired releases knew the environment by this name."""
    try:
        name, options, _ = today(env)
    except RequestError:
        return True
    return bool(name != env and (options or not is_atari(name)))


def _example(env: str, module: str, name: str) -> tuple[Any, dict[str, Any], str]:
    if module in _GONE:
        raise RequestError(f"{env!r} is not offered: {_GONE[module]}", key="env")
    if "multi_agent" in module or "two_step" in module or "rock_paper" in module:
        raise RequestError(f"{env!r}: multi-agent training is not supported", key="env")
    new = f"ray.rllib.examples.envs.classes.{module}.{name}"
    return new, {}, f"{env} moved to {new}" if new != env else ""


def translate_env(edits: Edits, preference: Any = DEEPMIND) -> None:
    """Replace retired ids, those of a grid too, and set the options they stood for.

    Raises:
        RequestError: one is gone, or the ids of a grid stood for different options.
    """
    given = edits.get("env")
    found = [today(env) for env in each(given)]
    options = found[0][1]
    if any(other != options for _, other, _ in found):
        raise RequestError(
            "the ids of this grid stood for different options", key="env", hint="split the grid"
        )
    said = [note.rstrip(".") for _, _, note in found if note]
    if not said:
        return
    names = [name for name, _, _ in found]
    edits.change("env", "env", names[0] if len(names) == 1 else {GRID: names}, "; ".join(said))
    if is_atari(names[0]):
        for key, value in {**options, **_wrapped(preference)}.items():
            edits.fill(f"config.env_config.{key}", value, "what the retired id stood for")


def _wrapped(preference: Any) -> dict[str, Any]:
    """What RLlib's preprocessing added: Mnih's wrappers, or with ``rllib`` a lone gray screen."""
    if preference == "rllib":
        return {"stack_size": 1, "noop_max": 0, "use_fire_reset": False}
    return {"terminal_on_life_loss": True} if preference == DEEPMIND else {}


def atari_preprocessing(edits: Edits, preference: Any) -> None:
    """``preprocessor_pref`` and Atari options as RLlib's wrappers understood them."""
    atari = any(is_atari(env) for env in each(edits.get("env")))
    if all(is_atari(env) for env in each(edits.get("env"))):
        whole_games = preference == DEEPMIND and edits.get("run") == "DQN"  # by RLlib's runner
        for key, value in ({} if whole_games else _wrapped(preference)).items():
            edits.fill(f"config.env_config.{key}", value, "as RLlib wrapped games")
    if edits.has("config.preprocessor_pref"):
        why = "observations are as their environment gives them"
        if atari:
            why = {
                "deepmind": "games are wrapped so anyway",
                "rllib": "one gray screen, not four stacked",
            }.get(str(preference), "observations are the screen")
        edits.leave_out("config.preprocessor_pref", why)
    _frame_stack(edits, atari)
    if not atari:
        return
    if edits.has("config.env_config.nondeterministic"):
        edits.leave_out("config.env_config.nondeterministic", "seeds decide")
    if edits.get("config.env_config.frameskip") == 1 and preference != "rllib":
        path = "config.env_config.frameskip"
        edits.change(path, path, 4, "RLlib's wrappers skipped 4 frames where the game skipped none")
    if preference == "rllib":
        edits.fill("config.clip_rewards", False, "only Mnih's wrappers clipped rewards unasked")


def _frame_stack(edits: Edits, atari: bool) -> None:
    """``framestack`` and its like in the model: a game's ``stack_size``."""
    new = "config.env_config.stack_size"
    for name, alone in (("framestack", False), ("no_framestack", True), ("num_framestacks", 0)):
        path = f"config.model.{name}"
        if not edits.has(path):
            continue
        value = one_value(edits.get(path), path)
        if atari and value == alone:
            edits.change(path, new, 1, "one screen, not four stacked")
        elif atari and name == "num_framestacks" and isinstance(value, int):
            edits.change(path, new, value, "screens are stacked by the environment")
        else:
            edits.leave_out(path, "four screens are stacked, and nothing but screens is")


def horizon(edits: Edits) -> None:
    """The retired time limit: the environment's own now."""
    if not edits.has("config.horizon"):
        return
    steps = edits.get("config.horizon")
    if steps is None or steps == float("inf"):
        edits.leave_out("config.horizon", "episodes end with their environment")
        return
    steps = plain_number(steps, "config.horizon")
    steps = int(steps) if float(steps).is_integer() else steps
    if any(is_atari(env) for env in each(edits.get("env"))):
        path = "config.env_config.frameskip"
        skip = plain_number(edits.get(path, 4), path)
        new = "config.env_config.max_num_frames_per_episode"
        edits.change("config.horizon", new, steps * skip, f"{steps} steps of {skip} frames")
    else:
        _time_limit(edits, steps)


def _time_limit(edits: Edits, steps: int | float) -> None:
    """The environment's own limit, where the horizon came before it."""
    path, envs = "config.horizon", each(edits.get("env"))
    unknown = [env for env in envs if not (isinstance(env, str) and env in gym.registry)]
    if unknown:
        raise RequestError(
            f"{unknown[0]!r} is no id of gymnasium's, so nothing can end its episodes after {steps}"
            " steps",
            key=path,
            hint="leave horizon out and wrap the environment in gymnasium.wrappers.TimeLimit",
        )
    limits = [gym.registry[env].max_episode_steps for env in envs]
    if None not in limits and steps >= max(limits):
        edits.leave_out(path, f"episodes end after {max(limits)} steps anyway")
    elif any(limit is not None and steps > limit for limit in limits):
        raise RequestError("some environments of this grid end sooner", key=path, hint="split it")
    else:
        new = "config.env_config.max_episode_steps"
        edits.change(path, new, steps, "is the environment's time limit now")
