"""The runs of a study: those it needs and those that are kept, each with a status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.curve_csv import Row, read_rows
from rllib_zoo.experiments.config.yaml_loader import parse_yaml
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.studies.catalog import Cell, Study
from rllib_zoo.experiments.studies.keep import seed_of

MISSING, DONE, OTHER = "not run", "done", "other settings"
GREEDY = "greedy.json"


class BrokenResultError(ValueError):
    """A kept file cannot be read."""


@dataclass(frozen=True)
class Run:
    """One run of a study, kept or not.

    Attributes:
        cell: of the study.
        seed: of the cell, or a further one that is kept.
        status: "not run", "other settings" (kept, but its settings are not the study's), else that of the
            kept run.
        about: its kept facts; empty for a run that is not kept.
        rows: its thinned curve.
        greedy: mean, half_width and episodes of greedy play with the last checkpoint, and ``started`` of the
            run it belongs to; None: not played. The score of an earlier run with this seed is ignored.
    """

    cell: Cell
    seed: int
    status: str
    about: Mapping[str, Any]
    rows: tuple[Row, ...]
    greedy: Mapping[str, Any] | None = None

    @property
    def done(self) -> bool:
        return self.status == DONE

    def last(self, column: str) -> float | None:
        """A value of the last row; None without rows."""
        return self.rows[-1].get(column) if self.rows else None


def runs_of(study: Study, results: Path) -> list[Run]:
    """Every run the study needs and every further one that is kept, cells in order, seeds ascending.

    Raises:
        BrokenResultError: a kept file cannot be read; names it.
    """
    scores = read_greedy(study, results)
    runs = []
    for cell in study.cells:
        files = (results / study.name / cell.name).glob("seed*.json")
        kept = {seed: file for file in files if (seed := seed_of(file)) >= 0}
        for seed in sorted({*cell.seeds, *kept}):
            greedy = scores.get(cell.name, {}).get(str(seed))
            runs.append(_run(cell, seed, kept.get(seed), greedy))
    return runs


def _run(cell: Cell, seed: int, file: Path | None, greedy: Mapping[str, Any] | None) -> Run:
    if file is None:
        return Run(cell, seed, MISSING, {}, ())
    about, curve = _json(file), file.with_suffix(".csv")
    try:
        rows = tuple(read_rows(curve)) if curve.exists() else ()
    except (ValueError, TypeError) as error:
        raise BrokenResultError(f"{curve}: {error}") from None
    status = OTHER if difference(cell, about) else str(about.get("status", "unknown"))
    return Run(cell, seed, status, about, rows, greedy if is_of(greedy, about) else None)


def is_of(greedy: Mapping[str, Any] | None, about: Mapping[str, Any]) -> bool:
    """Whether a greedy score belongs to the run with these facts, not to an earlier one."""
    return greedy is not None and greedy.get("started") == about.get("started")


def difference(cell: Cell, about: Mapping[str, Any]) -> str:
    """The first setting in which a manifest differs from the cell, as text; "" without a difference.

    Compares ``algorithm``, ``env``, ``stop`` and ``config_given``, the last with the cell's config file as
    it is now and its changes. The manifest may be whole or as kept.

    Raises:
        BrokenResultError: the config file cannot be read.
        RequestError: the config file is not valid YAML.
    """
    fields = {"algorithm": cell.algorithm, "env": cell.env, "stop": cell.budget.stop}
    for key, required in fields.items():
        if (actual := about.get(key)) != required:
            name = "stop rule" if key == "stop" else key
            return f"its {name} is {actual}, the study's {required}"
    config, changes = about.get("config_given") or {}, cell.changes or {}
    of_file = config_of(cell.file)
    expected = {**of_file, **changes}
    # Changes first: they are what the study varies.
    for key in dict.fromkeys((*changes, *of_file, *config)):
        if key != "seed" and config.get(key) != expected.get(key):
            whose = "the study's" if key in changes else f"that of {cell.file}"
            return f"its {key} is {config.get(key)}, {whose} {expected.get(key)}"
    return ""


def config_of(file: str) -> Mapping[str, Any]:
    """The configuration in a cell's file (relative to the checkout), in the form of a manifest.

    Raises:
        BrokenResultError: it cannot be read.
        RequestError: it is not valid YAML.
    """
    path = ROOT / file
    try:
        return _config_in(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise BrokenResultError(f"{path}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=64)
def _config_in(path: Path, changed: int) -> Mapping[str, Any]:
    """The same, cached; ``changed`` is the file's modification time."""
    document = parse_yaml(path.read_text(encoding="utf-8"), file=path)
    entries = list(document.values()) if isinstance(document, Mapping) else []
    config = entries[0].get("config") if entries and isinstance(entries[0], Mapping) else None
    # Through JSON, as in a manifest: keys become strings.
    return json.loads(json.dumps(config, default=str)) if isinstance(config, Mapping) else {}


def counts(runs: list[Run]) -> tuple[int, int, int]:
    """How many of the runs that the study needs are done, begun, and missing."""
    needed = [run for run in runs if run.seed in run.cell.seeds]
    done = sum(run.done for run in needed)
    missing = sum(run.status == MISSING for run in needed)
    return done, len(needed) - done - missing, missing


def read_greedy(study: Study, results: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Cell → seed → greedy score with ``started`` of its run; empty without any."""
    file = results / study.name / GREEDY
    return _json(file) if file.exists() else {}


def _json(file: Path) -> dict[str, Any]:
    """The mapping in a kept file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BrokenResultError(f"{file}: {error}") from None
    if not isinstance(content, dict):
        raise BrokenResultError(f"{file}: not a mapping")
    return content


def write_greedy(
    study: Study, results: Path, cell: str, seed: int, score: dict[str, float], started: str | None
) -> None:
    """Add one score; ``started`` is that of its run's manifest."""
    scores = read_greedy(study, results)
    scores.setdefault(cell, {})[str(seed)] = {**score, "started": started}
    write_json(results / study.name / GREEDY, scores)
