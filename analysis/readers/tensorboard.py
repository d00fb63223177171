"""Folders of TensorBoard events, of any library whose names of series are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.analysis.files.experiment_state import read_object
from rllib_zoo.analysis.files.record import Curve, Trial
from rllib_zoo.analysis.files.text_values import number_or_text
from rllib_zoo.analysis.readers.event_files import Events, is_events, read_events
from rllib_zoo.analysis.readers.folder import Folder, head_of
from rllib_zoo.analysis.readers.series.layouts import ML_AGENTS
from rllib_zoo.analysis.readers.series.runs import curve_of_run
from rllib_zoo.analysis.readers.series.scalars import Scalars, layout_of

# Sample Factory's, beside the hidden folder of its events.
SUMMARY, CONFIG = ".summary", "config.json"
# ML-Agents', above the folder of each behaviour.
BEHAVIOURS = "configuration.yaml"
RAY = "ray/tune/"
# Of a run's steps: its first point stands where the first episodes have ended, elsewhere in each run.
START = 0.05
# torch's and torchrl's writers put settings into a folder named by the time.
_HPARAMS_FOLDER = re.compile(r"\d{9,}(\.\d+)?")
# A row of the table that CleanRL writes as text.
_SETTING = re.compile(r"^\|([^|]+)\|([^|]*)\|$", re.MULTILINE)


def find_tensorboard(folder: Folder) -> Iterator[Trial]:
    """A run of the event files in a folder, or several where later ones begin at the start again."""
    files = [name for name in folder.files if is_events(name, folder.head(name))]
    if not files:
        return
    folder.take(*files, *filter(_HPARAMS_FOLDER.fullmatch, folder.folders))
    path = folder.path
    if path.parent.name == SUMMARY:
        path = path.parent.parent
    runs = runs_of([folder.path / name for name in files])
    for number, run in enumerate(runs, start=1):
        several = len(runs) > 1 or folder.earlier
        part = f"events {number} of {len(runs)}" if several else ""
        if path != folder.path and folder.path.name != "0":
            part = f"policy {folder.path.name} {part}".strip()
        yield Trial(path, path.parent.name, part=part, files=tuple(run))


def read_tensorboard(trial: Trial, max_rows: int | None = None) -> Curve:
    """The run's curve, by the names of its series."""
    events = read_events(trial.files)
    for folder in _hparams_folders(trial.files[0].parent):
        events.config |= read_events(event_files(folder)).config
    series = events.points()
    if any(name.startswith(RAY) for name in series):
        series = {name.removeprefix(RAY): points for name, points in series.items()}
    scalars = Scalars(series, config=_config(trial.path, events), notes=tuple(_notes(events)))
    if layout_of(scalars) is ML_AGENTS:
        scalars = _with_behaviour(trial.path, scalars)
    curve = curve_of_run(trial.path, scalars, max_rows)
    return replace(curve, repeated=curve.repeated + events.replaced)


def event_files(folder: Path) -> list[Path]:
    """The event files in a folder, by name: it begins with the time."""
    if not folder.is_dir():
        return []
    return [file for file in sorted(folder.iterdir()) if is_events(file.name, head_of(file))]


def runs_of(files: list[Path]) -> list[list[Path]]:
    """The files of each run: a later file that begins at the start of most that it repeats is another run."""
    if len(files) < 2:
        return [files]
    runs: list[list[Path]] = []
    firsts: dict[str, float] = {}
    lasts: dict[str, float] = {}
    for file in files:
        series = {tag: columns[0] for tag, columns in read_events([file]).series.items()}
        steps = {tag: steps for tag, steps in series.items() if steps}
        common = steps.keys() & firsts.keys()
        starts = {tag: firsts[tag] + START * (lasts[tag] - firsts[tag]) for tag in common}
        again = sum(steps[tag][0] <= starts[tag] for tag in common)
        if not runs or again * 2 > len(common):
            runs.append([])
            firsts, lasts = {}, {}
        runs[-1].append(file)
        firsts = {tag: values[0] for tag, values in steps.items()} | firsts
        lasts |= {tag: max(values[-1], lasts.get(tag, values[-1])) for tag, values in steps.items()}
    return runs


def _hparams_folders(folder: Path) -> list[Path]:
    return [entry for entry in sorted(folder.iterdir()) if _HPARAMS_FOLDER.fullmatch(entry.name)]


def _notes(events: Events) -> Iterator[str]:
    for name in events.cut:
        yield f"{name} is cut off or damaged: read up to there"


def _config(path: Path, events: Events) -> dict[str, Any]:
    """Settings of the run: Sample Factory's file, the HParams plugin, CleanRL's table."""
    config: dict[str, Any] = {}
    if (path / SUMMARY).is_dir():
        config |= read_object(path / CONFIG)
    config |= events.config
    for name, text in events.texts.items():
        if name.lower() == "hyperparameters":
            rows = {key.strip(): value.strip() for key, value in _SETTING.findall(text)}
            config |= {key: _value(rows[key]) for key in rows.keys() - {"param", "-"}}
    return config


def _with_behaviour(path: Path, scalars: Scalars) -> Scalars:
    """The series of an ML-Agents behaviour with its settings, algorithm and seed."""
    file = path.parent / BEHAVIOURS
    if not file.is_file():
        return scalars
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        settings = dict(content["behaviors"][path.name])
        seed = (content.get("env_settings") or {}).get("seed", -1)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        note = f"{BEHAVIOURS} is not readable: {(str(error) or 'empty').splitlines()[0]}"
        return replace(scalars, notes=(*scalars.notes, note))
    told = {"algorithm": settings.pop("trainer_type", None), "seed": seed if seed >= 0 else None}
    config = {key: value for key, value in told.items() if value is not None} | settings
    return replace(scalars, config={**scalars.config, **config})


def _value(text: str) -> Any:
    """A setting as Python wrote it: a number, truth or None where it is one, else text."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    return number_or_text(text)
