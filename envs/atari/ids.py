"""Names of Atari games: today's ids, retired ones, and what a misspelt one may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rllib_zoo.envs.errors import EnvironmentRequestError

_PREFIX = "ALE/"
_RETIRED = re.compile(
    r"(?P<game>[A-Za-z0-9]+?)(?P<ram>-ram)?(?P<kind>NoFrameskip|Deterministic)?-v(?P<version>[04])"
)
# What the version stood for: the chance of a repeated action.
_STICKINESS = {"0": 0.25, "4": 0.0}
_RAM = "RAM observations are not offered; {today!r} shows the screen"


@dataclass(frozen=True)
class LegacyAtariId:
    """What a retired id meant.

    Attributes:
        env: today's id.
        env_config: the options the id stood for.
        note: one sentence about what was translated.
    """

    env: str
    env_config: dict[str, Any]
    note: str


def is_atari(env: object) -> bool:
    """Whether the name is that of an Atari game (``ALE/…`` or ``ale_py:ALE/…``)."""
    return isinstance(env, str) and env.startswith((_PREFIX, "ale_py:" + _PREFIX))


@cache
def atari_games() -> dict[str, str]:
    """Every playable id with ale-py's name of its game: ``ALE/SpaceInvaders-v5`` → ``space_invaders``."""
    import ale_py
    import gymnasium as gym

    gym.register_envs(ale_py)
    return {
        spec.id: str(spec.kwargs["game"])
        for spec in gym.registry.values()
        if spec.id.startswith(_PREFIX) and spec.vector_entry_point is not None
    }


def canonical_atari_id(env: str) -> str:
    """The id under which gymnasium knows the game.

    Raises:
        EnvironmentRequestError: no such game; with the nearest id.
    """
    env = env.removeprefix("ale_py:")
    if env in atari_games():
        return env
    if "-ram" in env:
        today = _PREFIX + env.removeprefix(_PREFIX).partition("-ram")[0] + "-v5"
        raise EnvironmentRequestError(f"environment {env!r}: {_RAM.format(today=today)}")
    near = nearest_name(env.removeprefix(_PREFIX), games_by_name())
    hint = f"; did you mean {near!r}?" if near else ""
    raise EnvironmentRequestError(f"environment {env!r} is not an Atari game of ale-py{hint}")


def games_by_name() -> dict[str, str]:
    """Today's id of every game by the name inside of it: ``SpaceInvaders`` → its id."""
    return {env_id.removeprefix(_PREFIX): env_id for env_id in atari_games()}


def nearest_name(asked: str, ids: Mapping[str, str]) -> str | None:
    """The id whose name is spelt most like the one asked for, or None; versions do not count."""
    names = {_plain(name): env_id for name, env_id in ids.items()}
    near = difflib.get_close_matches(_plain(asked), names, n=1, cutoff=0.7)
    return names[near[0]] if near else None


def legacy_atari_id(env: str) -> LegacyAtariId | None:
    """Translate a retired id such as ``PongNoFrameskip-v4``; None for every other name.

    Version 0 repeated actions with probability 0.25, version 4 never. ``NoFrameskip`` was played
    through wrappers that skipped 4 frames, ``Deterministic`` skipped 4 itself (Space Invaders 3),
    and ids without either 2 to 4 at random, which is not offered.
    Source: the registrations of OpenAI Gym, ``gym/envs/__init__.py`` before its release 0.20.

    Raises:
        EnvironmentRequestError: the id asks for RAM observations.
    """
    match = _RETIRED.fullmatch(env)
    today = f"{_PREFIX}{match['game']}-v5" if match else ""
    if match is None or today not in atari_games():
        return None
    if match["ram"]:
        raise EnvironmentRequestError(f"environment {env!r}: {_RAM.format(today=today)}")
    blinks = match["kind"] == "Deterministic" and match["game"] == "SpaceInvaders"
    options = {
        "frameskip": 3 if blinks else 4,
        "repeat_action_probability": _STICKINESS[match["version"]],
    }
    note = f"{env} is {today} with frameskip {options['frameskip']}"
    if match["kind"] == "NoFrameskip":
        note += " (which its wrappers added)"
    elif match["kind"] is None:
        note += " (it drew 2 to 4 at random, which is not offered)"
    note += f" and repeat_action_probability {options['repeat_action_probability']}."
    return LegacyAtariId(today, options, note)


def _plain(name: str) -> str:
    return re.sub(r"(NoFrameskip|Deterministic)?(-v\d+)?$", "", name).replace("_", "").casefold()
