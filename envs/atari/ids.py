"""Ids of Atari games: current and legacy ones, and suggestions for misspelt ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rllib_zoo.envs.errors import EnvironmentRequestError

_PREFIX = "ALE/"
_LEGACY = re.compile(
    r"(?P<game>[A-Za-z0-9]+?)(?P<ram>-ram)?(?P<kind>NoFrameskip|Deterministic)?-v(?P<version>[04])"
)
# Version → probability of a repeated action.
_STICKINESS = {"0": 0.25, "4": 0.0}
_RAM = "RAM observations are not supported; {current!r} shows the screen"


@dataclass(frozen=True)
class LegacyAtariId:
    """The translation of a legacy id: the current id, its options, and a sentence about both."""

    env: str
    env_config: dict[str, Any]
    note: str


def is_atari(env: object) -> bool:
    """Whether the name is an Atari game's (``ALE/…`` or ``ale_py:ALE/…``)."""
    return isinstance(env, str) and env.startswith((_PREFIX, "ale_py:" + _PREFIX))


@cache
def atari_games() -> dict[str, str]:
    """Current id → ale-py's name of the game: ``ALE/SpaceInvaders-v5`` → ``space_invaders``."""
    import ale_py
    import gymnasium as gym

    gym.register_envs(ale_py)
    return {
        spec.id: str(spec.kwargs["game"])
        for spec in gym.registry.values()
        if spec.id.startswith(_PREFIX) and spec.vector_entry_point is not None
    }


def canonical_atari_id(env: str) -> str:
    """The id in gymnasium's registry.

    Raises:
        EnvironmentRequestError: unknown game; names the nearest id.
    """
    env = env.removeprefix("ale_py:")
    if env in atari_games():
        return env
    if "-ram" in env:
        current = _PREFIX + env.removeprefix(_PREFIX).partition("-ram")[0] + "-v5"
        raise EnvironmentRequestError(f"environment {env!r}: {_RAM.format(current=current)}")
    near = nearest_name(env.removeprefix(_PREFIX), games_by_name())
    hint = f"; did you mean {near!r}?" if near else ""
    raise EnvironmentRequestError(f"environment {env!r} is not an Atari game of ale-py{hint}")


def games_by_name() -> dict[str, str]:
    """Game → current id: ``SpaceInvaders`` → ``ALE/SpaceInvaders-v5``."""
    return {env_id.removeprefix(_PREFIX): env_id for env_id in atari_games()}


def nearest_name(name: str, ids: Mapping[str, str]) -> str | None:
    """The id with the most similar name, its version apart; None if no name is similar."""
    names = {_plain(name): env_id for name, env_id in ids.items()}
    near = difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.7)
    return names[near[0]] if near else None


def legacy_atari_id(env: str) -> LegacyAtariId | None:
    """Translate a legacy id such as ``PongNoFrameskip-v4``; None for other names.

    Version 0 repeated actions with probability 0.25, version 4 never. ``NoFrameskip`` was used with
    wrappers that skipped 4 frames, ``Deterministic`` skipped 4 itself (Space Invaders 3), and ids without
    either skipped 2 to 4 at random, which is not supported.
    Source: the registrations of OpenAI Gym, ``gym/envs/__init__.py`` before its release 0.20.

    Raises:
        EnvironmentRequestError: the id is one with RAM observations.
    """
    match = _LEGACY.fullmatch(env)
    current = f"{_PREFIX}{match['game']}-v5" if match else ""
    if match is None or current not in atari_games():
        return None
    if match["ram"]:
        raise EnvironmentRequestError(f"environment {env!r}: {_RAM.format(current=current)}")
    skips_3 = match["kind"] == "Deterministic" and match["game"] == "SpaceInvaders"
    options = {
        "frameskip": 3 if skips_3 else 4,
        "repeat_action_probability": _STICKINESS[match["version"]],
    }
    note = f"{env} is {current} with frameskip {options['frameskip']}"
    if match["kind"] == "NoFrameskip":
        note += " (which its wrappers added)"
    elif match["kind"] is None:
        note += " (it drew 2 to 4 at random, which is not supported)"
    note += f" and repeat_action_probability {options['repeat_action_probability']}."
    return LegacyAtariId(current, options, note)


def _plain(name: str) -> str:
    return re.sub(r"(NoFrameskip|Deterministic)?(-v\d+)?$", "", name).replace("_", "").casefold()
