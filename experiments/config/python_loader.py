"""Load Python config files: a variable ``config`` and optionally ``stop``."""

from __future__ import annotations

import importlib.util
import sys
import tokenize
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ray import cloudpickle

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.config import RolloutConfig
from rllib_zoo.algorithms.dqn import DQNConfig
from rllib_zoo.experiments.config.overrides import merge_into_legacy
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.config_recorders import TrainingCallError, recorded_entry
from rllib_zoo.experiments.legacy.stand_in_modules import missing_module_hint, stand_in_modules
from rllib_zoo.experiments.legacy.translate import translate
from rllib_zoo.experiments.spec.changes import Change
from rllib_zoo.experiments.spec.experiment import Experiment

# Private attribute of a configuration → its key.
ATTRIBUTE_KEYS = {
    "_model_config": "model",
    "_train_batch_size_per_learner": "train_batch_size_per_learner",
}
# Prefix of the name that a config file has as a module while it runs.
MODULE = "_config_file_"
_NOT_SETTINGS = {"algo_class", "env"}
_EXAMPLE = (
    "write: from rllib_zoo.algorithms.ppo import PPOConfig; config = PPOConfig().environment(…)"
)
_MAIN_HINT = (
    "define 'config' and 'stop', and put the rest below if __name__ == '__main__', which is not run"
)


def read_python(file: Path, assignments: Sequence[str] = ()) -> list[Experiment]:
    """The experiment of a Python file, named after the file.

    Args:
        file: the file.
        assignments: see :func:`rllib_zoo.experiments.config.load.read_experiments`.

    Raises:
        RequestError: the file fails, or its ``config`` or ``stop`` is invalid.
    """
    for algorithm in algorithms.names():  # import them before RLlib's modules are replaced
        algorithms.config_class(algorithm)
    with stand_in_modules(file):
        module = _run(file)
    config, stop = getattr(module, "config", None), getattr(module, "stop", {})
    if config is None:
        raise RequestError("defines no variable 'config'", file=file, hint=_EXAMPLE)
    assigned: tuple[str, ...] = ()
    changes: list[Change] = []
    if (entry := recorded_entry(config)) is not None:
        original = entry
        entry, assigned = merge_into_legacy({**entry, "stop": stop}, assignments)
        try:
            entry, changes = translate(
                entry, legacy=True, release=config.release, original=original
            )
        except RequestError as error:
            raise error.located(file) from None
        if entry["env"] is None:
            hint = 'config = ….environment("CartPole-v1")'
            raise RequestError("is missing", file=file, key="env", hint=hint)
    else:
        run, settings = _algorithm_of(config, file), differences(config)
        entry = {"run": run, "env": config.env, "config": settings, "stop": stop}
    with tokenize.open(file) as handle:  # in the encoding that the file declares
        text = handle.read()
    fields: dict[str, Any] = {**entry, "changes": tuple(changes), "assigned": assigned}
    return [Experiment(file.stem, fields.pop("run"), source=file, text=text, **fields)]


def differences(config: Any) -> dict[str, Any]:
    """The settings of a configuration object that differ from its class's defaults, by key."""
    default, changed = vars(type(config)()), {}
    for attribute, value in vars(config).items():
        key = ATTRIBUTE_KEYS.get(attribute, attribute)
        # Private attributes are included: validation reports those without effect.
        if key not in _NOT_SETTINGS and (
            attribute not in default or not _equal(value, default[attribute])
        ):
            changed[key] = value
    return changed


def _algorithm_of(config: Any, file: Path) -> str:
    """Raises: RequestError: ``config`` is not a configuration of this project."""
    if isinstance(config, RolloutConfig | DQNConfig):
        own = config.algo_class
        if type(config) is not own.default_config_class:
            own = algorithms.class_of(type(config))
        if own.__module__.startswith(MODULE):  # the file as a module, which has no name elsewhere
            own.__module__ = file.stem
            return algorithms.add_class(own, name=f"{file.stem}.{own.__qualname__}")
        return algorithms.add_class(own)
    problem = f"is a {type(config).__module__}.{type(config).__qualname__}"
    if isinstance(config, dict):
        problem = "is a plain dict, which does not name an algorithm"
    raise RequestError(problem, file=file, key="config", hint=_EXAMPLE)


def _equal(left: Any, right: Any) -> bool:
    try:
        return type(left) is type(right) and bool(left == right)
    except Exception:  # objects without a usable == count as different
        return left is right


def _run(file: Path) -> ModuleType:
    """Execute the file as a module that is importable only meanwhile."""
    name = f"{MODULE}{abs(hash(str(file.absolute())))}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Other processes cannot import the module, so what it registers is pickled by value.
    cloudpickle.register_pickle_by_value(module)
    try:
        # The loader's exec_module could run outdated code from __pycache__.
        exec(compile(file.read_bytes(), str(spec.origin), "exec"), vars(module))
    except SyntaxError as error:
        raise RequestError(f"{error.msg}", file=file, key=f"line {error.lineno}") from None
    except TrainingCallError as error:
        key = _line_of(error, spec)
        raise RequestError(str(error), file=file, key=key, hint=_MAIN_HINT) from None
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        problem, hint = f"{type(error).__name__}: {error}", missing_module_hint(error)
        raise RequestError(problem, file=file, key=_line_of(error, spec), hint=hint) from None
    finally:
        cloudpickle.unregister_pickle_by_value(module)
        del sys.modules[name]
    return module


def _line_of(error: BaseException, spec: ModuleSpec) -> str | None:
    """The last line of the file in the error's traceback."""
    stack = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in stack if frame.filename == spec.origin]
    return f"line {lines[-1]}" if lines else None
