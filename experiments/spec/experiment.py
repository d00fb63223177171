"""An experiment as a config file or the command's options describe it, before defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rllib_zoo.experiments.errors import RequestError, RequestErrors
from rllib_zoo.experiments.spec.changes import Change, summarize_changes

# Values of ``seed_score``, in words; the first is the default.
SEED_SCORES = {"iqm": "interquartile mean", "worst_quarter": "mean of the worst quarter"}


@dataclass(frozen=True)
class Experiment:
    """One entry of a config file. None: not set.

    Attributes:
        name: of the results folder.
        algorithm: "A2C", "A3C", "DDPG", "DQN", "PG" or "PPO".
        env: gymnasium id, registered name, class path or class.
        config: the algorithm's keys that are set; values may be ``{grid_search: […]}``.
        stop: result name → bound; the first one reached ends a trial.
        num_samples: repetitions of each trial.
        checkpoint_frequency: iterations between checkpoints; 0 is off.
        checkpoint_at_end: whether to make a checkpoint at the end.
        num_to_keep: checkpoints to keep, ranked by ``score_attribute`` in ``score_order``.
        storage_path: parent folder or URI of the results folder.
        max_failures: restarts of a failed trial from its last checkpoint.
        time_budget_s: time limit of the whole experiment in seconds.
        seeds: every configuration is trained once per seed and scored over all of them.
        metric: result that trials are compared by.
        mode: ``max`` or ``min``: whether a higher or lower metric is better.
        seed_score: how a configuration's seeds are scored together: ``iqm`` or ``worst_quarter``.
        search: search algorithm: a name, or a mapping with its ``type``.
        scheduler: trial scheduler, likewise.
        max_concurrent: maximum number of trials at the same time.
        source: the file.
        text: content of the file.
        changes: changes made by the translation of legacy keys.
        notes: other notes to print before training, a sentence each.
        assigned: the ``--set`` assignments that were translated together with the file.
        errors: mistakes of the file that were found while it was read.
        key: its key in the file; None where the file describes a single experiment.
    """

    name: str
    algorithm: str
    env: Any
    config: Mapping[str, Any] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    num_samples: int = 1
    checkpoint_frequency: int | None = None
    checkpoint_at_end: bool | None = None
    num_to_keep: int | None = None
    score_attribute: str | None = None
    score_order: str | None = None
    storage_path: str | None = None
    max_failures: int | None = None
    time_budget_s: float | None = None
    seeds: tuple[int, ...] | None = None
    metric: str | None = None
    mode: str | None = None
    seed_score: str | None = None
    search: Any = None
    scheduler: Any = None
    max_concurrent: int | None = None
    source: Path | None = None
    text: str | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    errors: tuple[RequestError, ...] = ()
    key: str | None = None

    @property
    def all_notes(self) -> list[str]:
        """A few lines on everything that was translated or adapted."""
        return [*summarize_changes(list(self.changes)), *self.notes]

    def located(self, error: RequestError) -> RequestError:
        """An error with the file and, where that has several, the experiment; in the file's order."""
        if all(one.file is not None for one in error.each):
            return error
        errors = [
            (one.below(self.key) if self.key and one.file is None else one).located(self.source)
            for one in sorted(error.each, key=self._place)
        ]
        return errors[0] if len(errors) == 1 else RequestErrors(errors)

    def _place(self, error: RequestError) -> int:
        """Where an error's key is in the file, found part by part; missing keys come last."""
        text, place = self.text or "", 0
        for part in filter(None, (self.key, *(error.key or "").split("."))):
            match = re.compile(rf"(?<![\w-]){re.escape(part)}['\"]?\s*:").search(text, place)
            if match is None:
                return len(text)
            place = match.start()
        return place

    @property
    def planned_seeds(self) -> list[Any]:
        """The seeds of its trials; None: no seed."""
        return list(self.seeds) if self.seeds is not None else [self.config.get("seed")]


# File systems allow 255 bytes; `--force` and Tune append to the name.
MAX_BYTES = 200


def require_name(name: object, *, file: object = None, key: str | None = None) -> str:
    """Return the name of an experiment, which must be a valid name of a visible folder.

    Raises:
        RequestError: it contains "/" or unprintable characters, starts with ".", or is too long.
    """
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        problem = f"{name!r} cannot name an experiment: it is not a valid folder name"
    elif not name.isprintable():
        problem = f"{name!r} cannot name an experiment: it contains an unprintable character"
    elif len(name.encode()) > MAX_BYTES:
        problem = f"{name[:20]!r}… cannot name an experiment: it is longer than {MAX_BYTES} bytes"
    else:
        return name
    raise RequestError(problem, file=file, key=key)
