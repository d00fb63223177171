"""`rllib example`: the tuned configs of the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.paths import example_files


@dataclass(frozen=True)
class Example:
    """One tuned config.

    Attributes:
        name: path of the file below ``tuned_configs``, without its suffix.
        file: path of the file.
        algorithm: of its first experiment; likewise ``env``.
        budget: its stop rule, as text.
    """

    name: str
    file: Path
    algorithm: str
    env: str
    budget: str


def examples(containing: str = "") -> list[Example]:
    """The tuned configs whose names contain a text, sorted."""
    matches = []
    for name, file in example_files().items():
        if containing in name:
            first = read_experiments(file)[0]
            budget = ", ".join(f"{key} {bound:,}" for key, bound in first.stop.items())
            matches.append(Example(name, file, first.algorithm, str(first.env), budget))
    return matches


def example_file(name: str) -> Path:
    """The file of a tuned config.

    Raises:
        RequestError: unknown example; with the nearest name.
    """
    files = example_files()
    plain = name.removesuffix(".yaml")
    if plain not in files:
        hint = nearest(plain, files) or "rllib example list shows all"
        raise RequestError(f"example {name!r} is unknown", hint=hint)
    return files[plain]
