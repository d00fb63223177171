"""An experiment as a config file or the command's options describe it, before defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.spec.changes import Change, summarize_changes


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
        checkpoint_at_end: whether a last one is made.
        num_to_keep: how many to keep, ranked by ``score_attribute`` in ``score_order``.
        storage_path: folder or URI the results folder goes to.
        max_failures: how often a failed trial starts again from its last checkpoint.
        time_budget_s: seconds after which everything stops.
        seeds: every configuration is run once per seed, and judged by all of them.
        metric: result trials are judged by.
        mode: ``max`` or ``min``, what is better of the metric.
        search: how configurations are drawn: a name, or a mapping with its ``type``.
        scheduler: which trials end early; likewise.
        max_concurrent: trials at once at most.
        source: the file.
        text: content of the file.
        changes: what was translated on the way.
        notes: what else should be said before it runs, a sentence each.
        assigned: the ``--set`` assignments that were translated together with the file.
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
    search: Any = None
    scheduler: Any = None
    max_concurrent: int | None = None
    source: Path | None = None
    text: str | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()

    @property
    def all_notes(self) -> list[str]:
        """A few lines on everything that was translated or adapted."""
        return [*summarize_changes(list(self.changes)), *self.notes]

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
