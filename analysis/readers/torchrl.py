"""TorchRL's CSVLogger: ``scalars/<name>.csv`` with lines of a step and a value, without names of columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rllib_zoo.analysis.files.record import Curve, Trial, UnreadableError
from rllib_zoo.analysis.readers.folder import Folder, head_of
from rllib_zoo.analysis.readers.series.runs import curve_of_run
from rllib_zoo.analysis.readers.series.scalars import Points, Scalars
from rllib_zoo.analysis.readers.tables import number

SCALARS, SETTINGS = "scalars", "texts/hparams0.txt"


def find_torchrl(folder: Folder) -> Iterator[Trial]:
    """The run whose series lie in a folder below."""
    if SCALARS not in folder.folders:
        return
    files = sorted((folder.path / SCALARS).rglob("*.csv"))
    if any(_pair(head_of(file).partition(b"\n")[0].decode("utf-8", "replace")) for file in files):
        folder.take(SCALARS, Path(SETTINGS).parts[0], "videos")
        yield Trial(folder.path, folder.path.parent.name, files=tuple(files))


def read_torchrl(trial: Trial, max_rows: int | None = None) -> Curve:
    """The run's curve, by the names of its series; no time is recorded."""
    series, broken = {}, 0
    for file in trial.files:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        pairs = [pair for line in lines if (pair := _pair(line))]
        broken += len(lines) - len(pairs)
        points_T2 = np.array(pairs, np.float64).reshape(-1, 2)
        points_T2 = points_T2[~np.isnan(points_T2[:, 1])]
        name = file.relative_to(trial.path / SCALARS).with_suffix("").as_posix()
        steps_T, values_T = points_T2.T
        series[name] = Points(steps_T, values_T, np.full(len(points_T2), np.nan))
    notes = (f"{broken} broken line(s)",) if broken else ()
    scalars = Scalars(series, config=_settings(trial.path / SETTINGS), notes=notes)
    return curve_of_run(trial.path, scalars, max_rows)


def _pair(line: str) -> tuple[float, float] | None:
    """A step and a value, which may be NaN."""
    step, comma, value = line.partition(",")
    if not comma or np.isnan(number(step)):
        return None
    return (float(step), number(value)) if value == "nan" or not np.isnan(number(value)) else None


def _settings(file: Path) -> dict[str, Any]:
    """The settings that were logged, ``name: value`` lines; empty without them."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"{file.name}: {str(error).splitlines()[0]}") from None
    return content if isinstance(content, dict) else {}
