"""Names of trials by what differs within an experiment: ``lr=0.001 seed=3``.

Tune keeps a trial's name for ever, also after a population has changed the trial's configuration.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.grid import GRID
from rllib_zoo.experiments.spec.search_space import at, samplers
from rllib_zoo.experiments.sweeps.schedulers import with_mutations

Path = tuple[Any, ...]
SEED: Path = ("seed",)
MAX_VALUE = 20
# Of a float with six digits; longer ones get three, which is enough for learning rates.
MAX_FLOAT = 8
# Characters of a folder's name before seed and id, with which it stays below Tune's own limit of 130.
MAX_START = 90
# What a name of a folder may contain on every file system, and without quotes in a shell.
_NOT_PORTABLE = re.compile(r"[^A-Za-z0-9_.+=-]+")
_BRACKETS = re.compile(r"[\[\]{}\"]")
# Samplers that hardly ever draw the same value twice.
_CONTINUOUS = ("uniform", "loguniform")
_LISTED = (GRID, "choice")


def varied_paths(experiment: Experiment) -> list[Path]:
    """Path of every value that varies between configurations; the seed is none."""
    return [path for path, _, _ in _samplers(experiment) if path != SEED]


def _samplers(experiment: Experiment) -> Iterator[tuple[Path, str, Any]]:
    """Path, name and argument of every sampler of environment and configuration."""
    return samplers({"env": experiment.env, **with_mutations(experiment)})


def varied_labels(experiment: Experiment) -> dict[str, str]:
    """Dotted key of every value that varies between configurations → its short name."""
    labels = short_labels(varied_paths(experiment))
    return {".".join(map(str, path)): label for path, label in labels.items()}


@dataclass(frozen=True)
class TrialNames:
    """Tune's ``trial_name_creator`` and ``trial_dirname_creator``, pickled with the experiment.

    Attributes:
        labels: path of each value that differs between trials → its short name.
        seed_width: digits of seeds in folders, which makes folders sort by seed.
        is_numbered: whether trials may be equal in all these values, so that names need a number.
    """

    labels: dict[Path, str]
    seed_width: int = 0
    is_numbered: bool = False

    @classmethod
    def of(cls, experiment: Experiment) -> TrialNames:
        """The names of an experiment's trials."""
        space_of = {path: (name, values) for path, name, values in _samplers(experiment)}
        if experiment.seeds is not None:
            space_of[SEED] = (GRID, list(experiment.seeds))
        differing = {
            path: (name, values) for path, (name, values) in space_of.items() if len(values) > 1
        }
        seeds = differing.pop(SEED, None)
        repeated = experiment.num_samples > 1 and not any(
            name in _CONTINUOUS for name, _ in differing.values()
        )
        alike = any(
            len(set(map(value_text, values))) < len(values)
            for name, values in differing.values()
            if name in _LISTED
        )
        return cls(
            short_labels([*differing, *([SEED] if seeds else [])]),
            max(len(str(seed)) for seed in seeds[1]) if seeds else 0,
            repeated or alike,
        )

    def name(self, trial: Any) -> str:
        """``lr=0.001 seed=3``; where nothing differs, algorithm and environment."""
        number = trial.trial_id.rpartition("_")[2].lstrip("0") or "0"
        parts = self._parts(trial) or [trial.trainable_name, value_text(trial.config.get("env"))]
        return " ".join([*parts, f"#{number}"] if self.is_numbered else parts)

    def folder(self, trial: Any) -> str:
        """``PPO_lr=0.001_seed=03_1a2b3_00004``: algorithm, what differs, and Tune's trial id."""
        parts = self._parts(trial, self.seed_width) or [value_text(trial.config.get("env"))]
        seed = [parts.pop()] if SEED in self.labels else []
        text = _BRACKETS.sub("", "_".join([trial.trainable_name, *parts]))
        return "_".join([_NOT_PORTABLE.sub("-", text)[:MAX_START], *seed, trial.trial_id])

    def _parts(self, trial: Any, seed_width: int = 0) -> list[str]:
        """Name and value of all that differs, the seed last."""
        texts = {path: value_text(at(trial.config, path)) for path in self.labels}
        return [
            f"{label}={texts[path].zfill(seed_width) if path == SEED else texts[path]}"
            for path, label in self.labels.items()
        ]


def short_labels(paths: Sequence[Path]) -> dict[Path, str]:
    """The last key of each path, without indices of lists; the whole path where that is ambiguous."""
    last = {path: next(part for part in reversed(path) if isinstance(part, str)) for path in paths}
    counts = Counter(last.values())
    return {
        path: label if counts[label] == 1 else ".".join(map(str, path))
        for path, label in last.items()
    }


def value_text(value: Any) -> str:
    """A value as people write it, in at most 20 characters: 0.001, 1e-05, true, Pong-v5."""
    if isinstance(value, float):
        text = f"{value:g}"
        return text if len(text) <= MAX_FLOAT else f"{value:.3g}"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, str):
        text = re.split(r"/|(?<=[A-Za-z_])\.(?=[A-Za-z_])", value)[-1]
    else:
        text = json.dumps(value, separators=(",", ":"), default=str)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
