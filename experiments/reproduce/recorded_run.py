"""Reading a recorded run back into the experiment that it was.

The configuration is the manifest's ``config_given``: the config file after translation, with all options
applied. Reading the file's text again would depend on how today's code translates it.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.columns import number_of
from rllib_zoo.analysis.files.record import Trial
from rllib_zoo.analysis.files.result_json import map_results
from rllib_zoo.analysis.files.trials import PARAMS, RESULT
from rllib_zoo.analysis.readers.registry import find_trials
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.provenance.manifest import (
    MANIFEST_NAME,
    MANIFEST_VERSION,
    REQUEST_FIELDS,
    read_json_object,
)
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import is_drawn
from rllib_zoo.experiments.studies.keep import seed_of
from rllib_zoo.experiments.sweeps.schedulers import POPULATIONS
from rllib_zoo.experiments.sweeps.search import typed

SUFFIX = "-reproduced"
# Required field of a manifest → type.
REQUIRED = {"algorithm": str, "env": str, "config_given": dict, "stop": dict}
# Optional field, which may be null → type.
OPTIONAL = {
    "experiment": str, "request": dict, "num_samples": int, "restore_from": str, "source_text": str,
}  # fmt: skip
CLASS = re.compile(r"<class '([\w.]+)'>")
# Request fields that concern a set of trials rather than a single one.
OF_SETS = ("search", "scheduler", "metric", "mode", "max_concurrent", "seed_score")


@dataclass(frozen=True)
class RecordedRun:
    """A run to reproduce.

    Attributes:
        file: its manifest, or the JSON file of a kept curve.
        manifest: the content of the file.
        trials: those to reproduce; empty if the results no longer exist.
        siblings: all trials of the same experiment, including ``trials``.
        experiment: the experiment to run.
    """

    file: Path
    manifest: Mapping[str, Any]
    trials: tuple[Trial, ...]
    siblings: tuple[Trial, ...]
    experiment: Experiment


def open_recorded_run(path: Path) -> RecordedRun:
    """Read a run from its experiment folder, trial folder, manifest or kept curve.

    Raises:
        RequestError: no such run, an invalid manifest, or a run that cannot be repeated.
    """
    file, trial = _locate(path)
    manifest = _read(file)
    kept = file.name != MANIFEST_NAME
    siblings = tuple(find_trials([file.parent]))
    own = file.with_suffix(".csv") if kept else trial
    trials = siblings if own is None else tuple(t for t in siblings if t.path == own.resolve())
    try:
        if kept:
            experiment = _of_kept(file, manifest)
        elif trial is not None:
            experiment = _of_trial(trials[0], manifest)
        else:
            experiment = _of_experiment(file, manifest, trials)
    except RequestError as error:
        raise error.located(file) from None
    return RecordedRun(file, manifest, trials, siblings, experiment)


def restored_from(manifest: Mapping[str, Any]) -> str | None:
    """The checkpoint that the run started from; of older manifests, from their command line."""
    if "restore_from" in manifest:
        return manifest["restore_from"]
    try:
        arguments = shlex.split(str(manifest.get("command") or ""))
    except ValueError:
        return None
    values = [value for option, value in pairwise(arguments) if option == "--restore"]
    values += [text.partition("=")[2] for text in arguments if text.startswith("--restore=")]
    return values[-1] if values else None


def _locate(path: Path) -> tuple[Path, Path | None]:
    """The file that describes a run, and the trial's folder if the path is that of a trial."""
    if not path.exists():
        raise RequestError("does not exist", file=path)
    if path.is_file():
        file = path.with_suffix(".json") if path.suffix == ".csv" else path
        complete = file.name == MANIFEST_NAME or file.with_suffix(".csv").exists()
        if not complete or file.suffix != ".json" or not file.exists():
            hint = f"use a folder with a {MANIFEST_NAME}, the file itself, or a kept seedN.json"
            raise RequestError("is neither a manifest nor a kept curve", file=path, hint=hint)
        return file, None
    if (path / MANIFEST_NAME).exists():
        return path / MANIFEST_NAME, None
    parent = path.absolute().parent / MANIFEST_NAME
    if parent.exists() and ((path / PARAMS).exists() or (path / RESULT).exists()):
        return parent, path
    raise RequestError(f"contains no {MANIFEST_NAME}, which describes how to run it", file=path)


def _read(file: Path) -> dict[str, Any]:
    manifest = read_json_object(file)
    version = manifest.get("manifest_version")
    if version != MANIFEST_VERSION and (version is not None or file.name == MANIFEST_NAME):
        problem = f"is {version!r}; this release reads {MANIFEST_VERSION}"
        raise RequestError(problem, file=file, key="manifest_version")
    for key, kind in {**REQUIRED, **OPTIONAL}.items():
        value = manifest.get(key)
        if value is None and key in REQUIRED:
            raise RequestError("is missing", file=file, key=key, hint="it is required to run again")
        if value is not None and not isinstance(value, kind):
            raise RequestError("has an invalid value", file=file, key=key)
    return manifest


def _of_experiment(
    file: Path, manifest: Mapping[str, Any], trials: tuple[Trial, ...]
) -> Experiment:
    request, config = _request(manifest), dict(manifest["config_given"])
    if _scheduler(request) != "fifo" or _is_sampled(config) or manifest["env"].startswith("{"):
        problem = "its trials depended on each other or on random samples"
        example = f", for example {trials[0].path}" if trials else ""
        raise RequestError(problem, hint=f"choose one trial{example}")
    seeds = manifest.get("seeds")
    usable = isinstance(seeds, list) and all(isinstance(seed, int) for seed in seeds)
    return Experiment(
        name=f"{manifest.get('experiment') or file.parent.name}{SUFFIX}",
        env=_class_paths(manifest["env"]),
        config=config,
        num_samples=manifest.get("num_samples") or 1,
        seeds=tuple(seeds) if usable and seeds and "seed" not in config else None,
        **_common(file, manifest),
        **request,
    )


def _of_trial(trial: Trial, manifest: Mapping[str, Any]) -> Experiment:
    """One trial: the configuration of all, with the trial's values of grids and samplers."""
    request, params = _request(manifest), _class_paths(dict(trial.config))
    scheduler = _scheduler(request)
    if scheduler in POPULATIONS:
        raise RequestError(f"{scheduler} changed its configuration while it ran")
    config = {
        key: params.get(key, value) if is_drawn(value) or _is_grid(value) else value
        for key, value in manifest["config_given"].items()
        if key != "seed"
    }
    seed, common = params.get("seed"), _common(trial.path.parent / MANIFEST_NAME, manifest)
    if scheduler != "fifo" and (rows := _iterations(trial.path / RESULT)):
        common["stop"] = {**common["stop"], "training_iteration": rows}
    label = f"seed{seed}" if seed is not None else trial.path.name
    return Experiment(
        name=f"{manifest.get('experiment') or trial.experiment}-{label}{SUFFIX}",
        env=params.get("env", _class_paths(manifest["env"])),
        config=config,
        seeds=None if seed is None else (seed,),
        **common,
        **{key: value for key, value in request.items() if key not in OF_SETS},
    )


def _of_kept(file: Path, manifest: Mapping[str, Any]) -> Experiment:
    seed = seed_of(file)
    config = {key: value for key, value in manifest["config_given"].items() if key != "seed"}
    if _is_sampled(config) or any(_is_grid(value) for value in config.values()):
        raise RequestError("the kept file does not record its values of grids and samplers")
    return Experiment(
        name=f"{file.parent.name}-{file.stem}{SUFFIX}",
        env=_class_paths(manifest["env"]),
        config=config,
        seeds=None if seed < 0 else (seed,),
        **_common(file, manifest),
    )


def _common(file: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    algorithm, stop = manifest["algorithm"], dict(manifest["stop"])
    text = manifest.get("source_text")
    return {"algorithm": algorithm, "stop": stop, "source": file, "text": text}


def _request(manifest: Mapping[str, Any]) -> dict[str, Any]:
    request = manifest.get("request") or {}
    return {key: request[key] for key in REQUEST_FIELDS if request.get(key) is not None}


def _scheduler(request: Mapping[str, Any]) -> str:
    return typed(request.get("scheduler") or "fifo", "scheduler")[0].lower()


def _is_sampled(config: Mapping[str, Any]) -> bool:
    """Whether any value is sampled; tested per value, as a config of only `lambda` looks like a sampler."""
    return any(map(is_drawn, config.values()))


def _is_grid(value: Any) -> bool:
    """Whether the value contains a grid at any depth."""
    if isinstance(value, Mapping):
        return "grid_search" in value or any(map(_is_grid, value.values()))
    return isinstance(value, list) and any(map(_is_grid, value))


def _class_paths(value: Any) -> Any:
    """Nested data with ``<class 'a.B'>`` replaced by ``a.B``."""
    if isinstance(value, Mapping):
        return {key: _class_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_class_paths(item) for item in value]
    match = CLASS.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else value


def _iterations(file: Path) -> int:
    """The last complete training iteration of a trial; 0 without results."""
    numbers = map_results(file, lambda result: number_of(result, "iterations"))
    return int(max(filter(math.isfinite, numbers), default=0))
