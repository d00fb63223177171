"""Option values: `--set key.sub=value`, JSON-like mappings, seed lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from experiments.errors import RequestError
from experiments.experiment import Experiment
from experiments.retired_keys import MOVED, RENAMED
from experiments.schema import ALIASES
from experiments.yaml_reader import parse_yaml

# Fields of an experiment that `--set` may name; everything else belongs to its config.
PLAIN_FIELDS = tuple(
    f.name
    for f in fields(Experiment)
    if f.name not in ("name", "algorithm", "config", "stop", "source", "text", "changes", "notes")
)
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
        path, equals, text = assignment.partition("=")
        parts = path.strip().split(".")
        if not equals or not all(parts):
            raise RequestError(f"{assignment!r} is not KEY.SUB=VALUE", key="--set")
        try:
            value = parse_yaml(text)
        except RequestError as error:
            raise RequestError(error.problem, key=f"--set {path}") from None
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
