"""What is kept of a study: every run it wants and every one it has, each with a status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.curve_csv import Row, read_curve
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
        seed: wanted by the cell, or kept all the same.
        status: "not run", "other settings" (kept, but not trained as the study says), else what is kept.
        about: its kept facts; empty where nothing is kept.
        rows: its thinned curve.
        greedy: mean, half_width and episodes of the last checkpoint's greedy play, and ``started`` of the
            run that was played; None: not played. A score of another run of this seed is left out.
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
        """The last row's value; None without one."""
        return self.rows[-1].get(column) if self.rows else None


def runs_of(study: Study, results: Path) -> list[Run]:
    """Every run the study wants and every further one that is kept, cells in order, seeds rising.

    Args:
        study: whose.
        results: folder with a folder per study.

    Raises:
        BrokenResultError: a kept file cannot be read; names it.
    """
    played = read_greedy(study, results)
    found = []
    for cell in study.cells:
        kept = {
            seed_of(file): file for file in (results / study.name / cell.name).glob("seed*.json")
        }
        for seed in sorted({*cell.seeds, *(seed for seed in kept if seed >= 0)}):
            file = kept.get(seed)
            greedy = played.get(cell.name, {}).get(str(seed))
            found.append(_run(cell, seed, file, greedy))
    return found


def _run(cell: Cell, seed: int, file: Path | None, greedy: Mapping[str, Any] | None) -> Run:
    if file is None:
        return Run(cell, seed, MISSING, {}, ())
    about, curve = _json(file), file.with_suffix(".csv")
    try:
        rows = tuple(read_curve(curve)) if curve.exists() else ()
    except (ValueError, TypeError) as error:
        raise BrokenResultError(f"{curve}: {error}") from None
    status = OTHER if difference(cell, about) else str(about.get("status", "unknown"))
    return Run(cell, seed, status, about, rows, greedy if is_of(greedy, about) else None)


def is_of(greedy: Mapping[str, Any] | None, about: Mapping[str, Any]) -> bool:
    """Whether a greedy score was measured on the run with these facts, and not on an earlier one."""
    return greedy is not None and greedy.get("started") == about.get("started")


def difference(cell: Cell, about: Mapping[str, Any]) -> str:
    """What of a manifest is not as the cell says, in words; "" where it agrees.

    Args:
        cell: of a study.
        about: a manifest, whole or as kept: ``algorithm``, ``env``, ``stop`` and ``config_given`` are
            compared, the last with the cell's config file as it is now and its changes.

    Raises:
        BrokenResultError: the config file cannot be read.
        RequestError: the config file is no YAML.
    """
    for key, named in (("algorithm", cell.algorithm), ("env", cell.env)):
        if about.get(key) != named:
            return f"its {key} is {about.get(key)}, the study's {named}"
    stop = about.get("stop")
    if stop != cell.budget.stop:
        return f"its stop rule is {stop}, the study's {cell.budget.stop}"
    given, changes = about.get("config_given") or {}, cell.changes or {}
    of_file = config_of(cell.file)
    wanted = {**of_file, **changes}
    # Changes first: they are what the study is about.
    for key in dict.fromkeys((*changes, *of_file, *given)):
        if key != "seed" and given.get(key) != wanted.get(key):
            whose = "the study's" if key in changes else f"that of {cell.file}"
            return f"its {key} is {given.get(key)}, {whose} {wanted.get(key)}"
    return ""


def config_of(file: str) -> Mapping[str, Any]:
    """The configuration in a cell's file, as a manifest would hold it.

    Args:
        file: of one experiment, relative to the checkout.

    Raises:
        BrokenResultError: it cannot be read.
        RequestError: it is no YAML.
    """
    path = ROOT / file
    try:
        return _config_in(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise BrokenResultError(f"{path}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=64)
def _config_in(path: Path, changed: int) -> Mapping[str, Any]:
    """The same; read again when the file has ``changed``."""
    document = parse_yaml(path.read_text(encoding="utf-8"), file=path)
    entries = list(document.values()) if isinstance(document, Mapping) else []
    config = entries[0].get("config") if entries and isinstance(entries[0], Mapping) else None
    # Through JSON: a manifest has texts for keys.
    return json.loads(json.dumps(config, default=str)) if isinstance(config, Mapping) else {}


def counts(runs: list[Run]) -> tuple[int, int, int]:
    """How many of the wanted runs are done, begun, and missing."""
    wanted = [run for run in runs if run.seed in run.cell.seeds]
    done = sum(run.done for run in wanted)
    missing = sum(run.status == MISSING for run in wanted)
    return done, len(wanted) - done - missing, missing


def read_greedy(study: Study, results: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Cell → seed → greedy score with ``started`` of its run; empty where none was played."""
    file = results / study.name / GREEDY
    return _json(file) if file.exists() else {}


def _json(file: Path) -> dict[str, Any]:
    """The mapping in a kept file."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BrokenResultError(f"{file}: {error}") from None
    if not isinstance(found, dict):
        raise BrokenResultError(f"{file}: holds no mapping")
    return found


def write_greedy(
    study: Study, results: Path, cell: str, seed: int, score: dict[str, float], started: str | None
) -> None:
    """Add one score; ``started`` is that of its run's manifest."""
    known = read_greedy(study, results)
    known.setdefault(cell, {})[str(seed)] = {**score, "started": started}
    write_json(results / study.name / GREEDY, known)
