"""What is to be reproduced: a run on disk, read back into the experiment it was.

The configuration is the manifest's ``config_given``: what the run was told after its file was read and
translated and every option applied. The file's text would have to be read and translated again, by
today's code, and the options with it.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.columns import number_of
from rllib_zoo.analysis.files.result_json import map_results
from rllib_zoo.analysis.files.trials import PARAMS, RESULT, TrialFolder, find_trials
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.provenance.manifest import (
    MANIFEST_NAME,
    MANIFEST_VERSION,
    REQUEST_FIELDS,
)
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.spec.search_space import is_drawn
from rllib_zoo.experiments.studies.keep import seed_of
from rllib_zoo.experiments.sweeps.search import typed

SUFFIX = "-reproduced"
# Field of a manifest → its kind; without them nothing can run again.
NEEDED = {"algorithm": str, "env": str, "config_given": dict, "stop": dict}
# What it may say besides, null or missing included.
OPTIONAL: dict[str, type | tuple[type, ...]] = {
    "experiment": str,
    "request": dict,
    "num_samples": int,
    "restore_from": str,
    "source_text": str,
}
CLASS = re.compile(r"<class '([\w.]+)'>")
# They change a trial's configuration while it runs.
EXPLOITING = ("pbt", "pb2")
# Of the request, what concerns a set of trials and not one of them.
OF_SETS = ("search", "scheduler", "metric", "mode", "max_concurrent")


@dataclass(frozen=True)
class Original:
    """A run to reproduce.

    Attributes:
        file: its manifest, or the JSON file of a kept curve.
        kept: whether only a thinned curve is left of it.
        manifest: what the file holds.
        trials: those to reproduce; empty where only the manifest is left.
        siblings: all trials beside them, themselves included.
        experiment: what to run.
    """

    file: Path
    kept: bool
    manifest: Mapping[str, Any]
    trials: tuple[TrialFolder, ...]
    siblings: tuple[TrialFolder, ...]
    experiment: Experiment


def open_original(path: Path) -> Original:
    """Read a run from its experiment folder, trial folder, manifest or kept curve.

    Raises:
        RequestError: nothing there, a damaged manifest, or something that cannot run again.
    """
    file, trial = _found(path)
    manifest = _read(file)
    kept = file.name != MANIFEST_NAME
    siblings = tuple(find_trials([file.parent]))
    if kept:
        trials = tuple(t for t in siblings if t.path == file.with_suffix(".csv").resolve())
    elif trial is not None:
        trials = tuple(t for t in siblings if t.path == trial.resolve())
    else:
        trials = siblings
    try:
        if kept:
            experiment = _of_kept(file, manifest)
        elif trial is not None:
            experiment = _of_trial(trials[0], manifest)
        else:
            experiment = _of_experiment(file, manifest, trials)
    except RequestError as error:
        raise error.located(file) from None
    return Original(file, kept, manifest, trials, siblings, experiment)


def restored_from(manifest: Mapping[str, Any]) -> str | None:
    """The checkpoint that the run started from; of older manifests, as its command line says."""
    if "restore_from" in manifest:
        return manifest["restore_from"]
    try:
        words = shlex.split(str(manifest.get("command") or ""))
    except ValueError:
        return None
    given = [after for word, after in pairwise(words) if word == "--restore"]
    given += [word.partition("=")[2] for word in words if word.startswith("--restore=")]
    return given[-1] if given else None


def _found(path: Path) -> tuple[Path, Path | None]:
    """The file that describes a run, and the trial's folder where one trial is meant."""
    if not path.exists():
        raise RequestError("does not exist", file=path)
    if path.is_file():
        described = path.with_suffix(".json") if path.suffix == ".csv" else path
        whole = described.name == MANIFEST_NAME or described.with_suffix(".csv").exists()
        if not whole or described.suffix != ".json" or not described.exists():
            hint = f"give a folder with a {MANIFEST_NAME}, the file itself, or a kept seedN.json"
            raise RequestError("is neither a manifest nor a kept curve", file=path, hint=hint)
        return described, None
    if (path / MANIFEST_NAME).exists():
        return path / MANIFEST_NAME, None
    around = path.absolute().parent / MANIFEST_NAME
    if around.exists() and ((path / PARAMS).exists() or (path / RESULT).exists()):
        return around, path
    raise RequestError(f"holds no {MANIFEST_NAME}: nothing says how it was made", file=path)


def _read(file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
    if not isinstance(manifest, dict):
        raise RequestError("must be a mapping", file=file)
    version = manifest.get("manifest_version")
    if version != MANIFEST_VERSION and (version is not None or file.name == MANIFEST_NAME):
        problem = f"is {version!r}; this release reads {MANIFEST_VERSION}"
        raise RequestError(problem, file=file, key="manifest_version")
    for key, kind in NEEDED.items():
        if not isinstance(manifest.get(key), kind):
            problem = "has a wrong value" if manifest.get(key) is not None else "is missing"
            raise RequestError(problem, file=file, key=key, hint="nothing can run without it")
    for key, wanted in OPTIONAL.items():
        if manifest.get(key) is not None and not isinstance(manifest[key], wanted):
            raise RequestError("has a wrong value", file=file, key=key)
    return manifest


def _of_experiment(
    file: Path, manifest: Mapping[str, Any], trials: tuple[TrialFolder, ...]
) -> Experiment:
    request, given = _request(manifest), dict(manifest["config_given"])
    if _scheduler(request) != "fifo" or _draws(given) or manifest["env"].startswith("{"):
        example = f", for example {trials[0].path}" if trials else ""
        raise RequestError(f"its trials depended on each other or on chance; name one{example}")
    seeds = manifest.get("seeds")
    named = isinstance(seeds, list) and all(isinstance(seed, int) for seed in seeds)
    seeded = tuple(seeds) if named and seeds and "seed" not in given else None
    return Experiment(
        name=f"{manifest.get('experiment') or file.parent.name}{SUFFIX}",
        env=_named(manifest["env"]),
        config=given,
        num_samples=manifest.get("num_samples") or 1,
        seeds=seeded,
        **_common(file, manifest),
        **request,
    )


def _of_trial(trial: TrialFolder, manifest: Mapping[str, Any]) -> Experiment:
    """One trial: what was given to all, and of grids and samplers the value it got."""
    request, params = _request(manifest), _named(dict(trial.config))
    scheduler = _scheduler(request)
    if scheduler in EXPLOITING:
        raise RequestError(f"{scheduler} changed its configuration while it ran")
    config = {
        key: params.get(key, value) if is_drawn(value) or _is_grid(value) else value
        for key, value in manifest["config_given"].items()
        if key != "seed"
    }
    seed = params.get("seed")
    common = _common(trial.path.parent / MANIFEST_NAME, manifest)
    if scheduler != "fifo" and (rows := _iterations(trial.path / RESULT)):
        common["stop"] = {**common["stop"], "training_iteration": rows}
    which = f"seed{seed}" if seed is not None else trial.path.name
    return Experiment(
        name=f"{manifest.get('experiment') or trial.experiment}-{which}{SUFFIX}",
        env=params.get("env", _named(manifest["env"])),
        config=config,
        seeds=None if seed is None else (seed,),
        **common,
        **{key: value for key, value in request.items() if key not in OF_SETS},
    )


def _of_kept(file: Path, manifest: Mapping[str, Any]) -> Experiment:
    seed = seed_of(file)
    config = {key: value for key, value in manifest["config_given"].items() if key != "seed"}
    if _draws(config) or any(_is_grid(value) for value in config.values()):
        raise RequestError("the kept file does not say which values of its grid it had")
    return Experiment(
        name=f"{file.parent.name}-{file.stem}{SUFFIX}",
        env=_named(manifest["env"]),
        config=config,
        seeds=None if seed < 0 else (seed,),
        **_common(file, manifest),
    )


def _common(file: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "algorithm": manifest["algorithm"],
        "stop": dict(manifest["stop"]),
        "source": file,
        "text": manifest.get("source_text"),
    }


def _request(manifest: Mapping[str, Any]) -> dict[str, Any]:
    given = manifest.get("request") or {}
    return {key: given[key] for key in REQUEST_FIELDS if given.get(key) is not None}


def _scheduler(request: Mapping[str, Any]) -> str:
    return typed(request.get("scheduler") or "fifo", "scheduler")[0].lower()


def _draws(config: Mapping[str, Any]) -> bool:
    """Whether a value is drawn; asked value by value, as a config of `lambda` alone looks like a sampler."""
    return any(map(is_drawn, config.values()))


def _is_grid(value: Any) -> bool:
    """Whether a grid stands in the value, at any depth."""
    if isinstance(value, Mapping):
        return "grid_search" in value or any(map(_is_grid, value.values()))
    return isinstance(value, list) and any(map(_is_grid, value))


def _named(value: Any) -> Any:
    """Classes as JSON spells them, by their paths."""
    if isinstance(value, Mapping):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item) for item in value]
    match = CLASS.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else value


def _iterations(file: Path) -> int:
    """The last complete training iteration of a trial; 0 without results."""
    numbers = map_results(file, lambda result: number_of(result, "iterations"))
    return int(max(filter(math.isfinite, numbers), default=0))
