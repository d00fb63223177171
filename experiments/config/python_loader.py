"""Python config files: a variable ``config`` and, if wanted, ``stop``."""

from __future__ import annotations

import importlib.util
import sys
import tokenize
import traceback
from collections.abc import Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ray import cloudpickle

from rllib_zoo import algorithms
from rllib_zoo.experiments.config.overrides import into_retired
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.config_recorders import (
    REMEDY,
    CommandsPartError,
    entry_of,
    only_defining,
)
from rllib_zoo.experiments.legacy.stand_in_modules import gone, retired_modules
from rllib_zoo.experiments.legacy.translate import translated
from rllib_zoo.experiments.spec.experiment import Experiment

# Attributes of a configuration that its public key sets.
PUBLIC_NAMES = {
    "_model_config": "model",
    "_train_batch_size_per_learner": "train_batch_size_per_learner",
}
NOT_CONFIGURATION = {"algo_class", "env"}


def read_python(file: Path, assignments: Sequence[str] = ()) -> list[Experiment]:
    """The experiment a Python file describes; it is named after the file.

    Args:
        file: the file.
        assignments: see :func:`rllib_zoo.experiments.config.load.read_experiments`.

    Raises:
        RequestError: the file fails, or its ``config`` or ``stop`` is not usable.
    """
    for known in algorithms.names():  # before the real modules are hidden
        algorithms.config_class(known)
    with retired_modules(), only_defining(file):
        module = _run(file)
    config = getattr(module, "config", None)
    if config is None:
        raise RequestError("defines no variable 'config'", file=file, hint=_how())
    stop = getattr(module, "stop", {})
    entry = entry_of(config)
    if entry is not None:
        entry, assigned = into_retired({**entry, "stop": stop}, assignments)
        return [replace(_retired(file, entry, config.release), assigned=assigned)]
    name = next((n for n in algorithms.names() if type(config) is algorithms.config_class(n)), None)
    if name is None:
        if isinstance(config, dict):
            raise RequestError(
                "is a plain dict, which names no algorithm", file=file, key="config", hint=_how()
            )
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
            text=_text(file),
        )
    ]


def _text(file: Path) -> str:
    """The file's text, in the encoding it names."""
    with tokenize.open(file) as handle:
        return handle.read()


def _retired(file: Path, entry: dict[str, Any], release: str) -> Experiment:
    """An experiment of what RLlib's own configuration class was told."""
    try:
        today, changes = translated(entry, retired=True, release=release)
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
        text=_text(file),
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
    """Execute the file, and no other, as a module of its own that does not stay importable."""
    name = f"_config_file_{abs(hash(str(file.absolute())))}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # What the file registers goes to other processes, which cannot import it: whole, not by name.
    cloudpickle.register_pickle_by_value(module)
    try:
        # Not the loader's exec_module: it would run compiled code from __pycache__, which nobody reads.
        exec(compile(file.read_bytes(), str(spec.origin), "exec"), vars(module))
    except SyntaxError as error:
        raise RequestError(f"{error.msg}", file=file, key=f"line {error.lineno}") from None
    except CommandsPartError as error:
        raise RequestError(str(error), file=file, key=_line(error, spec), hint=REMEDY) from None
    except (Exception, SystemExit) as error:  # the user's code runs here and may raise anything
        problem, hint = f"{type(error).__name__}: {error}", gone(error)
        raise RequestError(problem, file=file, key=_line(error, spec), hint=hint) from None
    finally:
        cloudpickle.unregister_pickle_by_value(module)
        del sys.modules[name]
    return module


def _line(error: BaseException, spec: ModuleSpec) -> str | None:
    """The file's own line that led to the error."""
    # The import system made the name absolute.
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if frame.filename == spec.origin]
    return f"line {frames[-1].lineno}" if frames else None


def _how() -> str:
    return (
        "write: from rllib_zoo.algorithms.ppo import PPOConfig; config = PPOConfig().environment(…)"
    )
