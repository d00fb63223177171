"""Groups of trials: those whose configurations differ in nothing but the seed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rllib_zoo.analysis.files.text_values import is_number

# Keys that do not change learning, or that have a column of their own in tables.
IGNORED_KEYS = (
    "seed", "env", "log_level", "callbacks", "callbacks_class", "log_sys_usage",
    "config_in_every_result",  # of results of earlier versions
)  # fmt: skip
# Groups with longer labels are numbered instead.
MAX_LABEL = 60


def differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys on which flat configurations differ, sorted."""
    keys = sorted({key for config in configs for key in config} - set(IGNORED_KEYS))
    return [key for key in keys if len({exact_text(c.get(key, ABSENT)) for c in configs}) > 1]


def sweep_of(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The settings that a sweep varies: group → key → value, the same keys for every group.

    Args:
        configs: group → flat configuration of one of its runs.
    """
    keys = differing_keys(list(configs.values()))
    return {
        group: {_leaf(key, keys): config.get(key, "default") for key in keys}
        for group, config in configs.items()
    }


def labels_of(trials: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """One label per trial, equal for equal configurations: ``PPO lr=0.001``.

    Args:
        trials: algorithm and flat configuration.
    """
    # Configurations are compared within one algorithm and environment: others differ in most keys.
    families: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for algorithm, config in trials:
        families.setdefault((algorithm, _env(config)), []).append(config)
    texts = {family: _texts_by_key(members) for family, members in families.items()}
    labels = []
    for algorithm, config in trials:
        keys = texts[algorithm, _env(config)]
        settings = [
            f"{_leaf(key, list(keys))}={text[exact_text(config.get(key, ABSENT))]}"
            for key, text in keys.items()
        ]
        labels.append(" ".join([algorithm, *settings]))
    return _shortened(labels)


def _texts_by_key(configs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Differing key → exact text of each of its values → the text of a label."""
    texts = {}
    for key in differing_keys(configs):
        values = [config.get(key, ABSENT) for config in configs]
        texts[key] = dict(zip(map(exact_text, values), texts_of(values), strict=True))
    return texts


def natural(label: str) -> list[tuple[bool, float, str]]:
    """A sort key that orders numbers inside labels by their size."""
    parts = re.split(r"(\d[\d.]*(?:e[+-]?\d+)?)", label)
    return [(bool(i % 2), float(part) if i % 2 and is_number(part) else 0.0, part)
            for i, part in enumerate(parts)]  # fmt: skip


def by_group(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Group and its rows for every group of a table, in the order of :func:`natural`."""
    parts = [(str(group), part) for group, part in table.groupby("group", sort=True)]
    return sorted(parts, key=lambda item: natural(item[0]))


def group_numbers(runs: pd.DataFrame) -> dict[str, int]:
    """Group → its number, which selects its colour everywhere, in the order of :func:`natural`."""
    return {group: number for number, (group, _) in enumerate(by_group(runs))}


def value_text(value: Any) -> str:
    """A value as short text, fractions to six digits."""
    return f"{value:g}" if isinstance(value, float) else exact_text(value)


def exact_text(value: Any) -> str:
    """A value as text, the same for equal values only."""
    if value is ABSENT:
        return "default"
    if isinstance(value, str):
        return value
    return json.dumps(_whole(value), sort_keys=True, default=str)


def texts_of(values: Sequence[Any]) -> list[str]:
    """Short texts of values to be told apart; exact ones where short ones of different values agree."""
    short, exact = list(map(value_text, values)), list(map(exact_text, values))
    return short if len(set(short)) == len(set(exact)) else exact


# The value of a key that a configuration does not have.
ABSENT = object()


def _whole(value: Any) -> Any:
    """Nested data with whole floats as integers, so that 1.0 equals 1."""
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _env(config: Mapping[str, Any]) -> str:
    return str(config.get("env"))


def _leaf(key: str, keys: Sequence[str]) -> str:
    """The last part of a nested key; the whole key where several have the same last part."""
    leaf = key.rsplit(".", 1)[-1]
    return leaf if sum(other.rsplit(".", 1)[-1] == leaf for other in keys) == 1 else key


def _shortened(labels: list[str]) -> list[str]:
    """Labels longer than ``MAX_LABEL`` replaced by the algorithm and a number."""
    numbers: dict[str, str] = {}
    for label in labels:
        if len(label) > MAX_LABEL and label not in numbers:
            algorithm = label.partition(" ")[0]
            taken = sum(name.partition(" ")[0] == algorithm for name in numbers)
            numbers[label] = f"{algorithm} configuration {taken + 1}"
    return [numbers.get(label, label) for label in labels]
