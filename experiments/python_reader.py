"""Python config files: a variable ``config`` and, if wanted, ``stop``."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import algorithms
from experiments.errors import RequestError
from experiments.experiment import Experiment
from experiments.retired_python import entry_of, retired_modules
from experiments.translation import translated

# Attributes of a configuration that its public key sets.
PUBLIC_NAMES = {
    "_model_config": "model",
    "_train_batch_size_per_learner": "train_batch_size_per_learner",
}
NOT_CONFIGURATION = {"algo_class", "env"}


def read_python(file: Path) -> list[Experiment]:
    """The experiment a Python file describes; it is named after the file.

    Raises:
        RequestError: the file fails, or its ``config`` or ``stop`` is not usable.
    """
    for known in algorithms.NAMES:  # before the real modules are hidden
        algorithms.config_class(known)
    with retired_modules():
        module = _run(file)
    config = getattr(module, "config", None)
    if config is None:
        raise RequestError("defines no variable 'config'", file=file, hint=_how())
    stop = getattr(module, "stop", {})
    entry = entry_of(config)
    if entry is not None:
        return [_retired(file, {**entry, "stop": stop})]
    name = next((n for n in algorithms.NAMES if type(config) is algorithms.config_class(n)), None)
    if name is None:
        kind = f"{type(config).__module__}.{type(config).__qualname__}"
        raise RequestError(f"is a {kind}", file=file, key="config", hint=_how())
    return [
        Experiment(
            name=file.stem,
            algorithm=name,
            env=config.env,
            config=differences(config),
            stop=stop,
            source=file,
            text=file.read_text(),
        )
    ]


def _retired(file: Path, entry: dict[str, Any]) -> Experiment:
    """An experiment of what RLlib's own configuration class was told."""
    try:
        today, changes = translated(entry, retired=True)
    except RequestError as error:
        raise error.located(file) from None
    if today["env"] is None:
        hint = 'config = ….environment("CartPole-v1")'
        raise RequestError("is missing", file=file, key="env", hint=hint)
    return Experiment(
        name=file.stem,
        algorithm=today["run"],
        env=today["env"],
        config=today["config"],
        stop=today["stop"],
        source=file,
        text=file.read_text(),
        changes=tuple(changes),
    )


def differences(config: Any) -> dict[str, Any]:
    """What a configuration object sets differently from its class's defaults, as plain keys."""
    default, changed = vars(type(config)()), {}
    for attribute, value in vars(config).items():
        key = PUBLIC_NAMES.get(attribute, attribute)
        # Whatever else differs is kept, private attributes too: the check names what has no effect.
        if key in NOT_CONFIGURATION:
            continue
        if attribute not in default or not _equal(value, default[attribute]):
            changed[key] = value
    return changed


def _equal(left: Any, right: Any) -> bool:
    try:
        return type(left) is type(right) and bool(left == right)
    except Exception:  # objects without a usable == count as different
        return left is right


def _run(file: Path) -> ModuleType:
    """Execute the file as a module of its own that does not stay importable."""
    name = f"_config_file_{abs(hash(str(file.absolute())))}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise RequestError(f"{error.msg}", file=file, key=f"line {error.lineno}") from None
    except (Exception, SystemExit) as error:  # the user's code runs here and may raise anything
        stack = traceback.extract_tb(error.__traceback__)
        # The import system made the name absolute.
        frames = [frame for frame in stack if frame.filename == spec.origin]
        line = f"line {frames[-1].lineno}" if frames else None
        raise RequestError(f"{type(error).__name__}: {error}", file=file, key=line) from None
    finally:
        del sys.modules[name]
    return module


def _how() -> str:
    return "write: from algorithms.ppo import PPOConfig; config = PPOConfig().environment(…)"
