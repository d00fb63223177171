"""Parse and apply option values: `--set key.sub=value`, JSON-like mappings, lists of seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from rllib_zoo.algorithms.base.schema import ALIASES
from rllib_zoo.algorithms.base.validators import LARGEST_SEED
from rllib_zoo.experiments.config.yaml_loader import parse_yaml
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.renamed_keys import MOVED, RENAMED
from rllib_zoo.experiments.spec.experiment import Experiment

# Fields of an experiment that `--set` can assign; other keys belong to its config.
PLAIN_FIELDS = tuple(
    f.name
    for f in fields(Experiment)
    if f.name
    not in (
        "name", "algorithm", "config", "stop", "source", "text", "changes", "notes", "assigned",
        "errors", "key",
    )
)  # fmt: skip
# Key → legacy keys that would override it.
_OVERRIDDEN_BY = {
    "lr": ("lr_schedule",),
    "entropy_coeff": ("entropy_coeff_schedule",),
    "num_gpus_per_learner": ("num_gpus",),
}
MAX_SEEDS = 1000
SEED_PART = re.compile(r"^(\d+)(?:-(\d+))?$")


def apply_overrides(experiment: Experiment, assignments: list[str]) -> Experiment:
    """A copy of the experiment with ``key.sub=value`` assignments applied in order.

    The first part may be ``stop``, ``config`` or a field of the experiment; other keys belong to
    ``config``.

    Raises:
        RequestError: an assignment is malformed.
    """
    for assignment in assignments:
        path, parts, value = _parse_assignment(assignment)
        if parts in (["stop"], ["config"]) and not isinstance(value, dict):
            raise RequestError(f"must be a mapping, got {value!r}", key=f"--set {path}")
        if len(parts) == 1 and parts[0] in (*PLAIN_FIELDS, "stop", "config"):
            experiment = replace(experiment, **{parts[0]: value})
            continue
        explicit = parts[0] in ("stop", "config")
        field, keys = (parts[0], parts[1:]) if explicit else ("config", parts)
        tree = getattr(experiment, field)
        if field == "config":
            keys = current_keys(keys)
            # `lambda` in the file and `lambda_` in the option are the same key: the option wins.
            tree = {k: v for k, v in tree.items() if k == keys[0] or not _same_key(k, keys[0])}
        assigned: dict[str, Any] = {field: _assign(tree, keys, value, path)}
        experiment = replace(experiment, **assigned)
    return experiment


def merge_into_legacy(
    entry: Mapping[str, Any], assignments: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Apply assignments to the ``config`` of a legacy entry before it is translated.

    Other names of the same key are removed from the entry: the option wins.

    Returns:
        The entry, and the assignments that were applied.

    Raises:
        RequestError: an assignment is malformed.
    """
    config, applied = dict(entry.get("config") or {}), []
    for assignment in assignments:
        path, parts, value = _parse_assignment(assignment)
        if parts[0] in (*PLAIN_FIELDS, "stop") or parts == ["config"]:
            continue
        keys = parts[1:] if parts[0] == "config" else parts
        config = {k: v for k, v in config.items() if k == keys[0] or not _replaces(keys, k)}
        config = _assign(config, keys, value, path)
        applied.append(assignment)
    return {**entry, "config": config}, tuple(applied)


def _replaces(keys: list[str], key: str) -> bool:
    """Whether an option's path is another name of a key in the file, or overrides it."""
    return current_keys(keys) == current_keys([key]) or key in _OVERRIDDEN_BY.get(keys[0], ())


def _parse_assignment(assignment: str) -> tuple[str, list[str], Any]:
    """Path, parts of the path, and value of ``key.sub=value``."""
    path, equals, text = assignment.partition("=")
    parts = path.strip().split(".")
    if not equals or not all(parts):
        raise RequestError(f"{assignment!r} is not KEY.SUB=VALUE", key="--set")
    try:
        return path, parts, parse_yaml(text)
    except RequestError as error:
        raise RequestError(error.problem, key=f"--set {path}") from None


def current_keys(keys: list[str]) -> list[str]:
    """A path in ``config`` with its first key renamed, if it is a renamed key of older releases."""
    first, *rest = keys
    if first in MOVED:
        return [*MOVED[first], *rest]
    return [RENAMED.get(first, first), *rest]


def _same_key(one: str, other: str) -> bool:
    return ALIASES.get(one, one) == ALIASES.get(other, other)


def _assign(tree: Mapping[str, Any], keys: list[str], value: Any, path: str) -> dict[str, Any]:
    """A copy of ``tree`` with the value at the nested key."""
    if not isinstance(tree, Mapping):
        raise RequestError("assigns to a key of a value that is not a mapping", key=f"--set {path}")
    head, *rest = keys
    return {**tree, head: _assign(tree.get(head, {}), rest, value, path) if rest else value}


def parse_mapping(text: str, *, what: str) -> dict[str, Any]:
    """Parse a mapping in JSON, YAML, or Python syntax.

    Args:
        text: for example ``{"timesteps_total": 50000}``; all are YAML's flow style.
        what: the option, for messages.

    Raises:
        RequestError: it is not a mapping.
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


def parse_stop(texts: Sequence[str]) -> dict[str, Any]:
    """Parse values of ``--stop``: ``timesteps_total=1000`` or ``{"timesteps_total": 1000}``.

    Raises:
        RequestError: neither form.
    """
    stop: dict[str, Any] = {}
    for text in texts:
        name, equals, bound = text.partition("=")
        if equals and re.fullmatch(r"[\w/]+", name.strip()):
            text = f"{{{name.strip()}: {bound}}}"
        elif not text.strip().startswith("{"):
            hint = "for example --stop timesteps_total=100000"
            raise RequestError(f"{text!r} is not RESULT=BOUND", key="--stop", hint=hint)
        stop |= parse_mapping(text, what="--stop")
    return stop


def parse_seeds(text: str) -> list[int]:
    """Parse seeds such as ``0-9``, ``3,7`` or ``0-4,9``, in their order.

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
            raise RequestError(f"{part!r} is a decreasing range", key="--seeds")
        if last - first >= MAX_SEEDS:
            raise RequestError(f"{text!r} has more than {MAX_SEEDS:,} seeds", key="--seeds")
        seeds += range(first, last + 1)
    if max(seeds) > LARGEST_SEED:
        raise RequestError(f"{text!r} has a seed above {LARGEST_SEED}", key="--seeds")
    if len(set(seeds)) != len(seeds):
        raise RequestError(f"{text!r} has a seed twice", key="--seeds")
    return seeds
