"""Folders of stable-baselines3, its RL Zoo and the Baselines before it.

Monitor files, the logger's table, evaluations, settings.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.files.record import Curve, Trial, UnreadableError, table_of
from rllib_zoo.analysis.readers.event_files import is_events
from rllib_zoo.analysis.readers.folder import Folder, head_of
from rllib_zoo.analysis.readers.monitor import (
    FRAME_SKIP,
    Monitor,
    curve_of_monitors,
    is_monitor,
    read_monitor,
)
from rllib_zoo.analysis.readers.series.facts import facts_of, is_atari_frames
from rllib_zoo.analysis.readers.series.layouts import BASELINES, SB3, Layout
from rllib_zoo.analysis.readers.series.runs import curve_of_run, named_by, with_facts
from rllib_zoo.analysis.readers.tables import names_in, read_table
from rllib_zoo.analysis.readers.tensorboard import event_files, runs_of

LOGS = ("progress.csv", "progress.json")
EVALUATIONS = "evaluations.npz"
ARGS, CONFIG = "args.yml", "config.yml"
# Files of the copies of one run; with another name, or none, before it a file is a run of its own.
_COPY = re.compile(r"(\d+\.)+monitor\.csv")
_EVENTS_FOLDER = re.compile(r"[A-Za-z0-9]+_\d+|tb")
# How Monitor's header begins in the Baselines; stable-baselines has no space there.
_BASELINES_HEADER = b"# {"
FRAMES_TAKEN = (
    "lengths taken for frames, as stable-baselines3 writes them; of stable-baselines 2 they are agent steps: "
    "then frame_skip: 1 in about_runs.yaml"
)


def find_sb3(folder: Folder) -> Iterator[Trial]:
    """The run in a folder: of its Monitor files, else of the logger's table, else of its evaluations."""
    monitors = [n for n in folder.files if is_monitor(folder.head(n)) or n.endswith("monitor.csv")]
    copies = [name for name in monitors if _COPY.fullmatch(name)]
    logs = [n for n in LOGS if n in folder.files and _logger(folder.head(n))]
    evaluations = [name for name in folder.files if _is_evaluations(folder, name)]
    runs = [(folder.path, copies)] if copies else []
    others = [name for name in monitors if name not in copies]
    bare = monitors == ["monitor.csv"]  # named by its folder
    runs += [(folder.path if bare else folder.path / name, [name]) for name in others]
    if not runs and (logs or evaluations):
        runs = [(folder.path, logs[:1])]
    if not runs:
        return
    events = [name for name in folder.files if is_events(name, folder.head(name))]
    numbered = filter(_EVENTS_FOLDER.fullmatch, folder.folders)
    below = [name for name in numbered if event_files(folder.path / name)]
    settings = [n for n in folder.folders if (folder.path / n / ARGS).is_file()]
    folder.take(*monitors, *logs, *evaluations, *settings)
    if len(runs) == 1 and runs[0][1]:  # the logger's other copies of the same numbers
        # The other files begin anew with each run, which adds one of events.
        last = [file.name for file in runs_of([folder.path / name for name in events])[-1]]
        folder.take(*LOGS, *last, *(below if len(below) == 1 else ()))
        folder.earlier = len(last) < len(events)
    for path, names in runs:
        own = [*names, *(evaluations if len(runs) == 1 else ())]
        yield Trial(path, path.parent.name, files=tuple(folder.path / name for name in own))
    if len(runs) > 1:
        for name in evaluations:
            path = folder.path / name
            yield Trial(path, folder.path.name, files=(path,))


def read_sb3(trial: Trial, max_rows: int | None = None) -> Curve:
    """The run's curve, with the evaluations apart; they are the curve where there is nothing else."""
    tables = [file for file in trial.files if file.suffix != ".npz"]
    evaluations = [_evaluations(file) for file in trial.files if file.suffix == ".npz"]
    config, notes = _settings(trial.path)
    if tables and tables[0].name in LOGS:
        scalars = replace(read_table(tables[0]).scalars(), config=config)
        curve = curve_of_run(trial.path, scalars, max_rows)
    else:
        monitors = [read_monitor(file) for file in tables]
        recorded = {"env": monitors[0].env} if monitors and monitors[0].env else {}
        config = {**named_by(SB3.library, trial.path.name), **config, **recorded}
        facts, more = facts_of(trial.path, config)
        if any(len(monitor.rows_EC) for monitor in monitors) or not evaluations:
            curve = _of_monitors(tables[0], monitors, facts, max_rows)
        else:
            curve = _of_evaluations(evaluations[0])
        curve = with_facts(curve, facts, [*notes, *more], config)
    if tables and evaluations:
        curve = replace(curve, evaluations_EV=evaluations[0])
    return curve


def _logger(head: bytes) -> Layout | None:
    """The library whose logger wrote a table, by how it begins; none of another table."""
    names = set(names_in(head))
    return next((layout for layout in (SB3, BASELINES) if names & set(layout.marks)), None)


def _of_monitors(
    file: Path, monitors: list[Monitor], facts: Mapping[str, Any], max_rows: int | None
) -> Curve:
    """Of the first file and its monitors; the library is known by the table beside it, or by its header."""
    known = next((found for name in LOGS if (found := _logger(head_of(file.parent / name)))), None)
    if known is None and head_of(file).startswith(_BASELINES_HEADER):
        known = BASELINES
    env, frame_skip = str(facts.get("env", "")), facts.get("frame_skip", FRAME_SKIP)
    curve = curve_of_monitors(monitors, env, max_rows, known or SB3, frame_skip)
    if known is None and is_atari_frames(env) and "frame_skip" not in facts:
        return replace(curve, notes=(*curve.notes, FRAMES_TAKEN))
    return curve


def _is_evaluations(folder: Folder, name: str) -> bool:
    """Whether a file holds evaluations, or at least has their name."""
    if not name.endswith(".npz"):
        return False
    try:
        with zipfile.ZipFile(folder.path / name) as content:
            return name == EVALUATIONS or {"timesteps.npy", "results.npy"} <= set(
                content.namelist()
            )
    except (OSError, zipfile.BadZipFile):
        return name == EVALUATIONS


def _evaluations(file: Path) -> np.ndarray:
    """[E, V] evaluations: of several episodes each.

    Raises:
        UnreadableError: the file is of another kind.
    """
    try:
        with np.load(file, allow_pickle=False) as content:
            steps_E, results_EN = content["timesteps"], content["results"]
        results_EN = results_EN.reshape(len(steps_E), -1).astype(np.float64)
        episodes_E = np.full(len(steps_E), results_EN.shape[1])
        return np.stack(
            [steps_E, results_EN.mean(1), results_EN.min(1), results_EN.max(1), episodes_E], axis=1
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableError(f"{file.name} has no evaluations: {error}") from None


def _of_evaluations(evaluations_EV: np.ndarray) -> Curve:
    names = ("steps", "return_mean", "return_min", "return_max", "window")
    columns = dict(zip(names, evaluations_EV.T, strict=True))
    return Curve(
        table_of(columns, len(evaluations_EV)),
        results=len(evaluations_EV),
        algorithm=SB3.library,
        labels=(record.EVALUATION,),
        evaluations_EV=evaluations_EV,
    )


class _Loader(yaml.SafeLoader):
    """Knows of Python's types only OrderedDict and tuple: RL Zoo writes its settings with them."""


def _ordered(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> dict[str, Any]:
    return dict(loader.construct_sequence(node, deep=True)[0])


def _tuple(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node, deep=True)


_PYTHON = "tag:yaml.org,2002:python/"
_Loader.add_constructor(f"{_PYTHON}object/apply:collections.OrderedDict", _ordered)
_Loader.add_constructor(f"{_PYTHON}tuple", _tuple)


def _settings(path: Path) -> tuple[dict[str, Any], list[str]]:
    """RL Zoo's settings in the folder below a run's, and notes on what of them is not readable."""
    folder = next((file.parent for file in sorted(path.glob(f"*/{ARGS}"))), None)
    if folder is None:
        return {}, []
    read, notes = {}, []
    for name in (CONFIG, ARGS):
        try:
            read[name] = dict(yaml.load((folder / name).read_text(encoding="utf-8"), _Loader))
        except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
            read[name] = {}
            notes.append(f"{name} is not readable: {str(error).splitlines()[0]}")
    args = read[ARGS]
    steps = args.get("n_timesteps", -1)
    planned = {"n_timesteps": steps} if isinstance(steps, int) and steps > 0 else {}
    told = {key: args[key] for key in ("algo", "env", "seed") if args.get(key) is not None}
    return {**read[CONFIG], **planned, **told}, notes
