"""Python config files written for RLlib's own configuration classes.

While such a file is loaded, ``ray.rllib.algorithms.a2c`` and its like give classes that only write
down what is set on them; what was written down is then read like a YAML file. Nothing of this
outlives the loading: the real modules stand where they stood.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Self

# Module below ray.rllib.algorithms or ray.rllib.agents → stem of its classes.
_STEMS = {
    "a2c": "A2C",
    "a3c": "A3C",
    "pg": "PG",
    "ppo": "PPO",
    "dqn": "DQN",
    "ddpg": "DDPG",
    "td3": "TD3",
    "simple_q": "SimpleQ",
    "appo": "APPO",
    "impala": "Impala",
    "sac": "SAC",
}
_PACKAGES = ("ray.rllib.algorithms", "ray.rllib.agents")
_EXAMPLES = "ray.rllib.examples.env"
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
_NESTED = ("model", "env_config", "evaluation_config", "optimizer")
_RUNS_ITSELF = ("build", "build_algo", "train")


class Recorded:
    """A configuration that writes down what is set on it, whatever the method or spelling."""

    algorithm = ""

    def __init__(self, algo_class: Any = None):
        self.__dict__["settings"] = {}

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("settings", {})
        if name in settings:
            return settings[name]
        if name in _RUNS_ITSELF:
            raise AttributeError(f"config.{name}() is the command's part; leave it out of the file")
        if name in _BUILDERS:
            return self._builder(name)
        raise AttributeError(f"the configuration has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.settings[name] = value

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
                self.settings[key] = {**known, **value} if merges else value
            return self

        return record

    @staticmethod
    def overrides(**settings: Any) -> dict[str, Any]:
        """RLlib's way to write an ``evaluation_config``."""
        return settings

    def copy(self, copy_frozen: bool | None = None) -> Self:
        """An independent copy."""
        other = type(self)()
        other.settings.update(self.settings)
        return other

    def to_dict(self) -> dict[str, Any]:
        """What was set."""
        return dict(self.settings)


class RecordedDict(dict[str, Any]):
    """A ``DEFAULT_CONFIG`` of Ray 1.x: empty, it knows its algorithm, and so do its copies."""

    def __init__(self, algorithm: str, *given: Any):
        super().__init__(*given)
        self.algorithm = algorithm

    def copy(self) -> RecordedDict:
        """A copy that knows the algorithm too."""
        return RecordedDict(self.algorithm, self)


def entry_of(config: Any) -> dict[str, Any] | None:
    """What a file's ``config`` wrote down, as a YAML entry; None for other objects."""
    if isinstance(config, Recorded):
        settings = dict(config.settings)
    elif isinstance(config, RecordedDict):
        settings = dict(config)
    else:
        return None
    return {"run": config.algorithm, "env": settings.pop("env", None), "config": settings}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the recording modules, and RLlib's example environments under their old path."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        package, _, leaf = fullname.rpartition(".")
        recorded = package in _PACKAGES and leaf in _STEMS
        empty = fullname in ("ray.rllib.agents", _EXAMPLES)
        if recorded or empty or package == _EXAMPLES:
            return importlib.util.spec_from_loader(fullname, self, is_package=empty)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name.startswith(_EXAMPLES + "."):
            moved = spec.name.replace(_EXAMPLES, "ray.rllib.examples.envs.classes")
            real = importlib.import_module(moved)
            module = ModuleType(spec.name)
            module.__dict__.update({k: v for k, v in vars(real).items() if not k.startswith("__")})
            return module
        return None

    def exec_module(self, module: ModuleType) -> None:
        leaf = module.__name__.rpartition(".")[2]
        if leaf not in _STEMS:
            return
        stem = _STEMS[leaf]
        recorder = type(f"{stem}Config", (Recorded,), {"algorithm": stem})
        names = {
            f"{stem}Config": recorder,
            stem: stem,
            f"{stem}Trainer": stem,
            "DEFAULT_CONFIG": RecordedDict(stem),
        }
        module.__dict__.update(names)


@contextmanager
def retired_modules() -> Iterator[None]:
    """Inside of it, files find RLlib's configuration classes in their recording form."""
    names = [f"{package}.{leaf}" for package in _PACKAGES for leaf in _STEMS]
    hidden = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    # A parent package knows its modules as attributes too.
    attributes = [
        (parent, leaf, vars(parent).pop(leaf, None))
        for package in _PACKAGES
        if (parent := sys.modules.get(package)) is not None
        for leaf in _STEMS
    ]
    before = set(sys.modules)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:
            if isinstance(getattr(sys.modules[name], "__loader__", None), _Finder):
                del sys.modules[name]
        sys.modules.update(hidden)
        for parent, leaf, module in attributes:
            vars(parent).pop(leaf, None)
            if module is not None:
                setattr(parent, leaf, module)
