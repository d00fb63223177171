"""Option values: `--set key.sub=value`, JSON-like mappings, seed lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from rllib_zoo.experiments.config.yaml_loader import parse_yaml
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.renamed_keys import MOVED, RENAMED
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.schema import ALIASES

# Fields of an experiment that `--set` may name; everything else belongs to its config.
PLAIN_FIELDS = tuple(
    f.name
    for f in fields(Experiment)
    if f.name
    not in ("name", "algorithm", "config", "stop", "source", "text", "changes", "notes", "assigned")
)
# Key → retired keys that would overrule it.
_OVERRULED = {
    "lr": ("lr_schedule",),
    "entropy_coeff": ("entropy_coeff_schedule",),
    "num_gpus_per_learner": ("num_gpus",),
}
MAX_SEEDS = 1000
SEED_PART = re.compile(r"^(\d+)(?:-(\d+))?$")


def apply_overrides(experiment: Experiment, assignments: list[str]) -> Experiment:
    """The experiment with ``key.sub=value`` assignments applied in order; the input is unchanged.

    ``stop.…`` and the experiment's own fields are meant where the first part says so, its config
    elsewhere (also as ``config.…``).

    Raises:
        RequestError: an assignment is malformed.
    """
    for assignment in assignments:
        path, parts, value = _parsed(assignment)
        if parts in (["stop"], ["config"]) and not isinstance(value, dict):
            raise RequestError(f"must be a mapping, got {value!r}", key=f"--set {path}")
        if len(parts) == 1 and parts[0] in (*PLAIN_FIELDS, "stop", "config"):
            experiment = replace(experiment, **{parts[0]: value})
            continue
        named = parts[0] in ("stop", "config")
        target, keys = (parts[0], parts[1:]) if named else ("config", parts)
        if target == "config":
            keys = todays_keys(keys)
        tree = getattr(experiment, target)
        if target == "config":
            # The file may say `lambda` where the option says `lambda_`: one key, the option wins.
            tree = {k: v for k, v in tree.items() if k == keys[0] or not _same_key(k, keys[0])}
        merged: dict[str, Any] = {target: _assigned(tree, keys, value, path)}
        experiment = replace(experiment, **merged)
    return experiment


def into_retired(
    entry: Mapping[str, Any], assignments: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A retired file's entry with the assignments to its config in it, to be translated together.

    What the file says under another name of the same key goes: the option wins.

    Returns:
        The entry, and the assignments that are in it.

    Raises:
        RequestError: an assignment is malformed.
    """
    config, taken = dict(entry.get("config") or {}), []
    for assignment in assignments:
        path, parts, value = _parsed(assignment)
        if parts[0] in (*PLAIN_FIELDS, "stop") or parts == ["config"]:
            continue
        keys = parts[1:] if parts[0] == "config" else parts
        same = [key for key in config if key != keys[0] and _replaces(keys, key)]
        config = {key: item for key, item in config.items() if key not in same}
        config = _assigned(config, keys, value, path)
        taken.append(assignment)
    return {**entry, "config": config}, tuple(taken)


def _replaces(keys: list[str], key: str) -> bool:
    """Whether an option's path is a key of the file under another name, or overrules it."""
    return todays_keys(keys) == todays_keys([key]) or key in _OVERRULED.get(keys[0], ())


def _parsed(assignment: str) -> tuple[str, list[str], Any]:
    """Path, its parts and the value of ``key.sub=value``."""
    path, equals, text = assignment.partition("=")
    parts = path.strip().split(".")
    if not equals or not all(parts):
        raise RequestError(f"{assignment!r} is not KEY.SUB=VALUE", key="--set")
    try:
        return path, parts, parse_yaml(text)
    except RequestError as error:
        raise RequestError(error.problem, key=f"--set {path}") from None


def todays_keys(keys: list[str]) -> list[str]:
    """A config path with a retired first name replaced, where only the name has changed."""
    first, *rest = keys
    if first in MOVED:
        return [*MOVED[first], *rest]
    return [RENAMED.get(first, first), *rest]


def _same_key(one: str, other: str) -> bool:
    return ALIASES.get(one, one) == ALIASES.get(other, other)


def _assigned(tree: Mapping[str, Any], keys: list[str], value: Any, path: str) -> dict[str, Any]:
    """A copy of ``tree`` with the value at the nested key."""
    if not isinstance(tree, Mapping):
        raise RequestError("goes below a value that is no mapping", key=f"--set {path}")
    head, *rest = keys
    return {**tree, head: _assigned(tree.get(head, {}), rest, value, path) if rest else value}


def parse_mapping(text: str, *, what: str) -> dict[str, Any]:
    """A mapping given as JSON, as a Python dict with single quotes, or as YAML.

    Args:
        text: for example ``{"timesteps_total": 50000}``; YAML's flow style covers all three.
        what: the option, for messages.

    Raises:
        RequestError: it is none of them.
    """
    try:
        value = parse_yaml(text)
    except RequestError as error:
        raise RequestError(f"{text!r} cannot be read: {error.problem}", key=what) from None
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise RequestError(f"{text!r} is not a mapping such as '{{\"a\": 1}}'", key=what)
    return value


def parse_seeds(text: str) -> list[int]:
    """Seeds of ``0-9``, ``3,7`` or ``0-4,9``, in the order given.

    Raises:
        RequestError: malformed, reversed or repeated.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = SEED_PART.match(part.strip())
        if match is None:
            raise RequestError(f"{text!r} is not a list such as 0-9 or 3,7", key="--seeds")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise RequestError(f"{part!r} runs backwards", key="--seeds")
        if last - first >= MAX_SEEDS:
            raise RequestError(f"{text!r} names more than {MAX_SEEDS:,} seeds", key="--seeds")
        seeds += range(first, last + 1)
    if len(set(seeds)) != len(seeds):
        raise RequestError(f"{text!r} names a seed twice", key="--seeds")
    return seeds
