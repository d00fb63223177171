"""The manifest of an experiment: configuration, code, packages and machine, beside its results."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.object_storage import upload
from rllib_zoo.analysis.files.trials import MANIFEST, read_object
from rllib_zoo.envs import is_atari, packages_of_modules
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import same_command
from rllib_zoo.experiments.paths import ROOT

MANIFEST_NAME = MANIFEST
MANIFEST_VERSION = 1
# Fields of the experiment that are recorded under "request".
REQUEST_FIELDS = (
    "checkpoint_frequency", "checkpoint_at_end", "num_to_keep", "score_attribute", "score_order",
    "max_failures", "time_budget_s", "metric", "mode", "search", "scheduler", "max_concurrent",
    "seed_score",
)  # fmt: skip
# Folders whose code affects training.
LEARNING_FOLDERS = ("algorithms", "custom_models", "envs")
# Recorded in every manifest.
PACKAGES = ("rllib-zoo", "ray", "torch", "gymnasium", "ale-py", "numpy", "pandas")
# A package that requires one of these computes.
NUMERIC = frozenset(("numpy", "torch", "scipy", "jax", "gymnasium", "gym"))
NAME = re.compile(r"[\w.-]+")
# Folder → the manifest that this process wrote last, in case the file disappears.
_written: dict[Path, dict[str, Any]] = {}
# Search or scheduler → its package.
SEARCH_PACKAGES = {"optuna": "optuna", "pb2": "scikit-learn"}


def build_manifest(
    *,
    experiment: Any,
    resolved: Any,
    exact_resume: bool,
    reserved_cpus: float,
    physics: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything needed to run the experiment again, as plain data; RLlib must be imported.

    Args:
        experiment: the request (:class:`rllib_zoo.experiments.spec.experiment.Experiment`).
        resolved: the AlgorithmConfig after defaults.
        exact_resume: an interrupted run continues in the middle of its episodes.
        reserved_cpus: CPUs that one trial requests.
        physics: package → version of the code that steps the environment.
    """
    from rllib_zoo.algorithms.runtime import num_threads, uses_bfloat16

    return {
        "manifest_version": MANIFEST_VERSION,
        "status": "running",
        "started": _now(),
        "command": same_command(),
        "source": str(experiment.source) if experiment.source else None,
        "source_text": experiment.text,
        "experiment": experiment.name,
        "algorithm": experiment.algorithm,
        "env": str(experiment.env),
        "config_given": jsonable(experiment.config),
        "config_resolved": jsonable(resolved.to_dict()),
        "stop": jsonable(experiment.stop),
        "num_samples": experiment.num_samples,
        "seeds": experiment.planned_seeds,
        "request": {
            key: jsonable(value)
            for key in REQUEST_FIELDS
            if (value := getattr(experiment, key)) is not None
        },
        "scheduler": {},
        "notes": [],
        "restore_from": None,
        "environment_signature": environment_signature(experiment.env, resolved, physics),
        "exact_resume": exact_resume,
        "bfloat16": uses_bfloat16(resolved.autocast),
        "reserved_cpus": reserved_cpus,
        "threads": num_threads(resolved, cpus=resolved.num_cpus_for_main_process),
        "packages": package_versions([*(physics or ()), *search_packages(experiment)]),
        "code": code_digest(),
        "git": git_state(ROOT),
        "machine": machine(),
    }


def environment_signature(
    env: Any, resolved: Any, physics: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The properties that two environments must share for their scores to be comparable."""
    from rllib_zoo.envs import environment_signature as environment_facts

    return {
        **jsonable(environment_facts(env, resolved.environment_options)),
        "clip_rewards": is_atari(env) if resolved.clip_rewards is None else resolved.clip_rewards,
        # The emulator's version is among the packages, its games are known by their MD5.
        **({"physics": dict(physics)} if physics and not is_atari(env) else {}),
    }


def begin_manifest(
    folder: Path,
    manifest: Mapping[str, Any],
    *,
    notes: list[str],
    restore_from: Path | None = None,
    scheduler: Mapping[str, Any] | None = None,
) -> None:
    """Write the manifest of an experiment that begins.

    Args:
        folder: of the experiment.
        manifest: of :func:`build_manifest`.
        notes: what was translated or adapted on the way.
        restore_from: the checkpoint of ``--restore``.
        scheduler: every setting of the one that stops trials early, defaults too.
    """
    now = {
        "started": _now(),
        "command": same_command(),
        "notes": notes,
        "restore_from": None if restore_from is None else str(restore_from.absolute()),
        "scheduler": jsonable(scheduler or {}),
    }
    write_manifest(folder, {**manifest, **now})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write an experiment's manifest atomically."""
    write_json(folder / MANIFEST_NAME, manifest, indent=2)
    _written[folder] = dict(manifest)
    upload(folder / MANIFEST_NAME)


def read_manifest(folder: Path) -> dict[str, Any]:
    """A folder's manifest; empty where it is missing or damaged."""
    return read_object(folder / MANIFEST_NAME)


def read_json_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        RequestError: the file cannot be read, or contains something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"cannot be read: {error}", file=file) from None
    if not isinstance(content, dict):
        raise RequestError("must be a mapping", file=file)
    return content


def finish_manifest(
    folder: Path, status: str, trials: list[dict[str, Any]], ranking: list[dict[str, Any]]
) -> None:
    """Record how the experiment ended, and the ranking of a sweep's configurations.

    A manifest that was removed meanwhile is written anew.
    """
    manifest = read_manifest(folder) or dict(_written.get(folder, {}))
    if not manifest:  # nothing has begun
        return
    manifest |= {"status": status, "finished": _now(), "trials": trials}
    if ranking:
        manifest["ranking"] = ranking
    write_manifest(folder, manifest)


def manifest_resumed(folder: Path) -> None:
    """Record that the experiment was resumed."""
    manifest = read_manifest(folder)
    manifest["status"] = "running"
    manifest.setdefault("resumed", []).append(_now())
    write_manifest(folder, manifest)


def search_packages(experiment: Any) -> list[str]:
    """The packages that choose a sweep's configurations."""
    requests = (experiment.search, experiment.scheduler)
    names = [str(r.get("type") if isinstance(r, Mapping) else r) for r in requests]
    return [SEARCH_PACKAGES[name] for name in names if name in SEARCH_PACKAGES]


def package_versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Versions of Python and of packages that affect results; "absent" if not installed.

    They are :data:`PACKAGES`, every other imported package that computes (it requires one of
    :data:`NUMERIC`), for example OpenCV, Optuna and scikit-learn, and ``more``.

    Args:
        more: packages that step the environment or chose a sweep's configurations.
    """
    modules = {name.partition(".")[0] for name in list(sys.modules)}
    imported = packages_of_modules(modules - set(sys.stdlib_module_names))
    computing = {p.metadata["Name"] for p in imported if NUMERIC & _required(p)}
    versions = {"python": platform.python_version()}
    for package in (*PACKAGES, *sorted({*computing, *more} - set(PACKAGES))):
        versions[package] = installed_version(package)
    return versions


def installed_version(package: str) -> str:
    """The installed version of a package; "absent" without one."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _required(package: importlib.metadata.Distribution) -> set[str]:
    """Names of the packages that one always requires, in lower case."""
    requirements = package.requires or ()
    always = (
        text for text in requirements if "extra ==" not in text.replace("extra==", "extra ==")
    )
    return {match[0].lower() for text in always if (match := NAME.match(text))}


def code_digest() -> str:
    """SHA-256 of the names and contents of this project's code that affects training."""
    checksum = hashlib.sha256()
    for file in sorted(file for name in LEARNING_FOLDERS for file in (ROOT / name).rglob("*.py")):
        checksum.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return checksum.hexdigest()


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the checkout and whether it has uncommitted changes; None outside a checkout."""

    def git(*arguments: str) -> str | None:
        try:
            command = ["git", "-C", str(folder), *arguments]
            process = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return process.stdout.strip() if process.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def machine() -> dict[str, Any]:
    """The computer: platform, CPU, cores and GPUs."""
    import torch

    return {
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def jsonable(value: Any) -> Any:
    """Nested data as JSON supports it; classes and other objects by their names."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [jsonable(item) for item in value]
    if isinstance(value, Enum):  # RLlib's are texts, too
        return jsonable(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, type) or callable(value):
        return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', value)}"
    return str(value)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
