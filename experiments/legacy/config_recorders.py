"""Stand-ins for RLlib's configuration classes: they write down what is set on them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from unittest import mock

import numpy as np

from rllib_zoo.experiments.spec.changes import copied

# Module, attribute, and how a person calls it: each starts Ray or a training.
_STARTS = (
    ("ray", "init", "ray.init()"),
    ("ray.tune", "run", "tune.run()"),
    ("ray.tune", "run_experiments", "tune.run_experiments()"),
    ("ray.tune", "Tuner", "tune.Tuner()"),
)


class CommandsPartError(Exception):
    """A file trains by itself; ``what`` is the call."""

    def __init__(self, what: str):
        super().__init__(f"{what} is the command's part")


REMEDY = (
    "a config file defines 'config' and 'stop'; "
    "put the rest below if __name__ == '__main__', which is not run"
)


@contextmanager
def only_defining(file: Path) -> Iterator[None]:
    """Inside of it, what starts Ray raises, and ``sys.argv`` is the file's alone."""
    with ExitStack() as stack:
        for module, name, call in _STARTS:
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, no(call)))
        stack.enter_context(mock.patch.object(sys, "argv", [str(file)]))
        yield


def no(call: str) -> Callable[..., Any]:
    """A function in the place of ``call`` that raises."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise CommandsPartError(call)

    return refuse


# Name of a builder's first parameter, where files give it without its name.
_FIRST = {
    "environment": "env",
    "framework": "framework",
    "callbacks": "callbacks_class",
    "update_from_dict": "",
}
_BUILDERS = {
    *_FIRST,
    "api_stack",
    "checkpointing",
    "debugging",
    "env_runners",
    "evaluation",
    "experimental",
    "exploration",
    "fault_tolerance",
    "learners",
    "multi_agent",
    "offline_data",
    "python_environment",
    "reporting",
    "resources",
    "rl_module",
    "rollouts",
    "training",
}
_NESTED = (
    "model",
    "env_config",
    "evaluation_config",
    "exploration_config",
    "optimizer",
    "replay_buffer_config",
)
_RUNS_ITSELF = ("build", "build_algo", "build_env_runner_group", "build_learner_group", "train")


class Recorded:
    """A configuration that writes down what is set on it, whatever the method or spelling."""

    algorithm = ""
    release = "2"

    def __init__(self, algo_class: Any = None):
        self.__dict__["settings"] = {}

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("settings", {})
        if name in settings:
            return settings[name]
        if name in _RUNS_ITSELF:
            raise CommandsPartError(f"config.{name}()")
        if name in _BUILDERS:
            return self._builder(name)
        if name in _NESTED:
            return settings.setdefault(name, {})
        raise AttributeError(f"the configuration has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def update(self, *given: Any, **named: Any) -> None:
        """As a dictionary's."""
        self.settings.update(*given, **named)

    def _builder(self, name: str) -> Callable[..., Recorded]:
        def record(*positional: Any, **named: Any) -> Recorded:
            if len(positional) > 1 or (positional and name not in _FIRST):
                raise TypeError(f"config.{name}() takes named arguments")
            if positional and name == "update_from_dict":
                named = dict(positional[0])
            elif positional:
                named = {_FIRST[name]: positional[0], **named}
            for key, value in named.items():
                known = self.settings.get(key)
                merges = key in _NESTED and isinstance(known, Mapping)
                # RLlib's own examples hand over what dict.update() returns: None.
                self.settings[key] = {**known, **(value or {})} if merges else value
            return self

        return record

    @staticmethod
    def overrides(**settings: Any) -> dict[str, Any]:
        """RLlib's way to write an ``evaluation_config``."""
        return settings

    def copy(self, copy_frozen: bool | None = None) -> Self:
        """An independent copy."""
        other = type(self)()
        other.settings.update(copied(self.settings))
        return other

    def to_dict(self) -> RecordedDict:
        """What was set."""
        return RecordedDict(self.algorithm, copied(self.settings), release="2")


class RecordedDict(dict[str, Any]):
    """A ``DEFAULT_CONFIG`` of Ray 1.x: empty, it knows its algorithm, and so do its copies."""

    def __init__(self, algorithm: str, *given: Any, release: str = "1"):
        super().__init__(*given)
        self.algorithm = algorithm
        self.release = release

    def __missing__(self, key: str) -> Any:
        if key not in _NESTED:
            raise KeyError(f"{key} is read before the file sets it")
        self[key] = {}
        return self[key]

    def copy(self) -> RecordedDict:
        """A copy that knows the algorithm too."""
        return RecordedDict(self.algorithm, copied(self), release=self.release)

    def __deepcopy__(self, memo: Any) -> RecordedDict:
        return self.copy()


class RecordedAlgorithm:
    """The class that would train; a file may name it and ask for its defaults."""

    config_class = Recorded

    def __init__(self, *args: Any, **kwargs: Any):
        raise CommandsPartError(f"{type(self).__name__}()")

    @classmethod
    def get_default_config(cls) -> Recorded:
        """A configuration that nothing is set on."""
        return cls.config_class()


def entry_of(config: Any) -> dict[str, Any] | None:
    """What a file's ``config`` wrote down, as a YAML entry; None for other objects."""
    if isinstance(config, Recorded):
        settings = config.settings
    elif isinstance(config, RecordedDict):
        settings = config
    else:
        return None
    plain = {key: _plain(value) for key, value in settings.items()}
    return {"run": config.algorithm, "env": plain.pop("env", None), "config": plain}


def _plain(value: Any) -> Any:
    """Lists for tuples and numbers for numpy's, as a YAML file would have it."""
    if type(value) in (list, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value
