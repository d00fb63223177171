"""The winner of a sweep as a config file, and the command that trains it on seeds that the sweep had not."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

NAME = "best.yaml"
# The winner's score is too high: it was the highest of many, by luck as well. Fresh seeds are not.
SEEDS = 10
HEAD = """# The best settings of a sweep. The best of {number} groups was lucky as well, so its score is too
# high: train it on seeds that the sweep had not.
#   {command}
"""


def name_of(algorithm: str, env: str) -> str:
    """The experiment's name in the file."""
    return f"best-{algorithm}-{env}".lower().replace("/", "-").replace(" ", "-")


def entry_of(
    algorithm: str, env: Any, config: Mapping[str, Any], stop: Mapping[str, Any], budget_s: Any
) -> dict[str, Any]:
    """An experiment as config files have it; ``budget_s``: its time budget, None without one."""
    entry = {"env": env, "run": algorithm, "stop": dict(stop), "config": dict(config)}
    return entry | ({} if budget_s is None else {"time_budget_s": budget_s})


def best_text(
    experiments: Mapping[str, Any], comments: Sequence[str], number: int, seeds: Iterable[Any]
) -> str:
    """The content of the file.

    Args:
        experiments: entries by name.
        comments: a line about each.
        number: of groups, of which these are the best.
        seeds: all of the sweep.
    """
    head = HEAD.format(number=number, command=train_command(Path(NAME), seeds))
    body = yaml.safe_dump(dict(experiments), sort_keys=False, allow_unicode=True)
    return head + "".join(f"# {comment}\n" for comment in comments) + body


def train_command(file: Path, seeds: Iterable[Any]) -> str:
    """The command that trains the file on the first integers above every seed."""
    first = 1 + max((int(seed) for seed in seeds if isinstance(seed, int | float)), default=-1)
    arguments = ["rllib", "train", "file", str(file), "--seeds", f"{first}-{first + SEEDS - 1}"]
    return shlex.join(arguments)
