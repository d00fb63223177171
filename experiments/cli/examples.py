"""`rllib example`: the tuned configs that ship with the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.paths import ROOT

FOLDER = ROOT / "tuned_configs"


@dataclass(frozen=True)
class Example:
    """One tuned config.

    Attributes:
        name: what the commands call it: the file's path without its ending.
        file: where it is.
        algorithm: of its first experiment; likewise ``env``.
        budget: its stop rule, in words.
    """

    name: str
    file: Path
    algorithm: str
    env: str
    budget: str


def examples(containing: str = "") -> list[Example]:
    """The tuned configs whose names contain a text, sorted."""
    found = []
    for name, file in sorted(_files().items()):
        if containing in name:
            first = read_experiments(file)[0]
            budget = ", ".join(f"{key} {bound:,}" for key, bound in first.stop.items())
            found.append(Example(name, file, first.algorithm, str(first.env), budget))
    return found


def example_file(name: str) -> Path:
    """The file of a tuned config.

    Raises:
        RequestError: no such example; with the nearest.
    """
    known = _files()
    plain = name.removesuffix(".yaml")
    if plain not in known:
        hint = nearest(plain, known) or "rllib example list shows all"
        raise RequestError(f"example {name!r} is unknown", hint=hint)
    return known[plain]


def _files() -> dict[str, Path]:
    """Name → file; sweeps are in a folder of their own, which is part of their names."""
    files = FOLDER.rglob("*.yaml")
    return {file.relative_to(FOLDER).with_suffix("").as_posix(): file for file in files}
