"""What a library did not record: from ``about_runs.yaml``, or from the names of the folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.files.record import UnreadableError
from rllib_zoo.analysis.readers.series.layouts import NAMES

ABOUT = "about_runs.yaml"
# How far above a run its ``about_runs.yaml`` may lie, the run's own folder included.
LEVELS = 4
AXES = ("steps", "frames", "vector steps")
KEYS = {
    "env": str, "algorithm": str, "seed": int, "copies": int, "frame_skip": int, "axis": str,
    "labels": list, "columns": dict,
}  # fmt: skip
# Options of environments that change what a return is: ale-py's, gymnasium's, RLlib's and the Baselines'.
OPTIONS = {
    record.CLIPPED: ("reward_clipping", "clip_rewards", "clip_reward", "reward_clip"),
    record.LIVES: ("episodic_life", "terminal_on_life_loss", "episode_life"),
}
# Keys of a configuration that hold options of the environment.
ENV_OPTIONS = ("env_config", "env_kwargs", "env_args")
# Fact → the names under which libraries record it, the last one counts.
KEYS_OF_CONFIG = {
    "env": ("task", "game", "env_name", "env_id", "env"),
    "seed": ("seed",),
    "algorithm": ("exp_name", "agent", "algo", "algorithm"),
    "copies": ("num_envs",),
    "frame_skip": ("frame_skip", "frameskip", "env_frameskip"),
}
_ENV = re.compile(
    r"(?:(?<=[^A-Za-z0-9])|^)((?:ALE[/_-])?[A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*?-v\d+)"
)
_SEED = re.compile(r"(?:(?:[-_ ]|(?<!\d)\.)+(?:seed|s|run)?|seed)[-_=]?(\d{1,4})$", re.IGNORECASE)
_ENDING = re.compile(r"(\.monitor)?\.(csv|tsv|txt|jsonl?|npz|wandb|db)$")
# A time at a name's end, whose last digits are no seed.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8}|\d{6})[-_T. ]\d\d[-_.:]?\d\d([-_.:]?\d\d)?([-_.]\d{6})?$"
)
_ALE = re.compile(r"^ALE[_-]")
# Environments whose rewards are whole numbers: a fraction tells that they were normalised.
_WHOLE = re.compile(
    r"^(ALE/|CartPole|MountainCar-|Acrobot|Taxi|CliffWalking|FrozenLake|.*NoFrameskip)"
)


def about(path: Path) -> dict[str, Any]:
    """What ``about_runs.yaml`` beside or above a run tells of it; the nearest one counts for each key.

    Args:
        path: the run's folder or file.

    Raises:
        UnreadableError: it has an unknown key, or a value of another type.
    """
    folder = path if path.is_dir() else path.parent
    # A run in a database has no folder of its own.
    levels = [level for level in (folder, *folder.parents) if level.is_dir()][:LEVELS]
    told: dict[str, Any] = {}
    for level in levels:
        file = level / ABOUT
        if file.is_file():
            told = {**_about_in(file, file.stat().st_mtime_ns), **told}
    return told


@lru_cache(maxsize=256)
def _about_in(file: Path, modified: int) -> Mapping[str, Any]:
    """Cached until the time it was ``modified`` changes."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"{file} is no YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise UnreadableError(f"{file} has no keys; it takes {', '.join(KEYS)}")
    for key, value in content.items():
        if key not in KEYS:
            raise UnreadableError(f"{file}: {key!r} is unknown; it takes {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]) or (KEYS[key] is int and isinstance(value, bool)):
            raise UnreadableError(f"{file}: {key} must be {KEYS[key].__name__}, got {value!r}")
    if content.get("axis", AXES[0]) not in AXES:
        raise UnreadableError(f"{file}: axis must be one of {', '.join(AXES)}")
    for label in content.get("labels", ()):
        if label not in record.LABELS:
            raise UnreadableError(
                f"{file}: label {label!r} is unknown; choose from {'; '.join(record.LABELS)}"
            )
    for column, name in content.get("columns", {}).items():
        if column not in NAMES or not isinstance(name, str):
            raise UnreadableError(
                f"{file}: columns takes names for {', '.join(NAMES)}, got {column!r}: {name!r}"
            )
    return content


def labels_of_options(config: Mapping[str, Any]) -> list[str]:
    """What the options of a configuration's environment make of its returns."""
    given = [config[key] for key in ENV_OPTIONS if isinstance(config.get(key), Mapping)]
    return [
        label
        for label, names in OPTIONS.items()
        if any(options.get(name) for options in given for name in names)
    ]


def facts_of(path: Path, config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """``env``, ``seed``, ``algorithm`` and what else is told of a run, and notes on what names told.

    Args:
        path: the run's folder or file.
        config: what the library recorded; it counts after ``about_runs.yaml``, before names.

    Raises:
        UnreadableError: see :func:`about`.
    """
    recorded = {
        key: config[name]
        for key, names in KEYS_OF_CONFIG.items()
        for name in names
        # Not a section of settings.
        if name in config and not isinstance(config[name], Mapping)
    }
    facts, notes = {**recorded, **about(path)}, []
    if "env" not in facts and (env := _env_in_names(path)):
        facts["env"] = env
        notes.append("environment from the folder's name")
    stem, seed = name_and_seed(path)
    if "seed" not in facts and seed is not None:
        facts["seed"] = seed
        notes.append("seed from the folder's name")
    if "algorithm" not in facts:
        facts["algorithm"] = stem
        notes.append("algorithm unknown: grouped by the folder's name")
    return facts, notes


def _env_in_names(path: Path) -> str:
    """The nearest environment id of gymnasium's form in the names of a path; "" without one."""
    for place in (path, *path.parents):
        if match := _ENV.search(place.name):
            # "ALE/Pong-v5" in a folder's name is a folder in a folder.
            within = place.parent.name == "ALE" and match.start() == 0
            return f"ALE/{match[1]}" if within else _ALE.sub("ALE/", match[1])
    return ""


def name_and_seed(path: Path) -> tuple[str, int | None]:
    """A name without the number at its end, and that number: ``ppo_seed3`` and ``ppo/3`` are ppo and 3."""
    name = _ENDING.sub("", path.name) or path.parent.name
    if name.isdigit() and len(name) < 5:
        return path.parent.name, int(name)
    match = None if _TIME.search(name) else _SEED.search(name)
    if match is None:
        return name, None
    return name[: match.start()] or path.parent.name, int(match[1])


def has_whole_rewards(env: str) -> bool:
    """Whether all rewards of an environment are known to be whole numbers."""
    return bool(_WHOLE.match(env))


def is_atari(env: str) -> bool:
    """Whether an environment is an Atari game."""
    return is_atari_frames(env) or env.startswith("ALE/")


def is_atari_frames(env: str) -> bool:
    """Whether an environment steps single frames, so that what is around it repeats actions."""
    return "NoFrameskip" in env
