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
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from unittest import mock

from ray.tune import registry

from rllib_zoo.experiments.legacy.config_recorders import Recorded, RecordedAlgorithm, RecordedDict

# Module below ray.rllib.algorithms or ray.rllib.agents → stems of its classes, its own first.
_STEMS = {
    "a2c": ("A2C",),
    "a3c": ("A3C", "A2C"),
    "pg": ("PG",),
    "ppo": ("PPO", "APPO", "DDPPO"),
    "dqn": ("DQN", "SimpleQ", "Apex", "R2D2"),
    "ddpg": ("DDPG", "TD3", "ApexDDPG"),
    "td3": ("TD3",),
    "simple_q": ("SimpleQ",),
    "appo": ("APPO",),
    "ddppo": ("DDPPO",),
    "impala": ("IMPALA", "Impala"),
    "sac": ("SAC",),
    "es": ("ES",),
    "ars": ("ARS",),
    "apex_dqn": ("ApexDQN",),
    "bc": ("BC",),
    "marwil": ("MARWIL",),
    "cql": ("CQL",),
    "crr": ("CRR",),
    "dreamerv3": ("DreamerV3",),
    "iql": ("IQL",),
    "qmix": ("QMIX",),
    "r2d2": ("R2D2",),
}
# The last one is Ray 0.4's.
_PACKAGES = ("ray.rllib.algorithms", "ray.rllib.agents", "ray.rllib")
_EXAMPLES = "ray.rllib.examples.env"
# Package that is gone → what a file needs instead; the first that fits.
_GONE = {
    "ray.rllib.agents": "a config file needs DEFAULT_CONFIG of ray.rllib.agents.ppo and its like",
    "ray.rllib": "a config file needs PPOConfig of ray.rllib.algorithms.ppo and its like",
    "gym": "gymnasium took its place",
}


_get_trainable_cls = registry.get_trainable_cls


def _recorder(stem: str) -> type[Recorded]:
    return type(f"{stem}Config", (Recorded,), {"algorithm": stem.replace("Impala", "IMPALA")})


_RECORDERS = {stem: _recorder(stem) for stem in {s for stems in _STEMS.values() for s in stems}}


def _algorithm(stem: str, name: str) -> type[RecordedAlgorithm]:
    return type(name, (RecordedAlgorithm,), {"config_class": _RECORDERS[stem]})


def _trainable(name: str) -> Any:
    """As Tune's ``get_trainable_cls``, with the recording classes."""
    stems = [stem for stem in _RECORDERS if stem.lower() == str(name).lower()]
    return _algorithm(stems[0], stems[0]) if stems else _get_trainable_cls(name)


def _names(leaf: str) -> dict[str, Any]:
    """What a file may import from the module of that name."""
    names: dict[str, Any] = {"DEFAULT_CONFIG": RecordedDict(_STEMS[leaf][0])}
    for stem in _STEMS[leaf]:
        recorder = _RECORDERS[stem]
        names[f"{stem}Config"] = recorder
        for name in (stem, f"{stem}Trainer", f"{stem}Agent"):
            names[name] = _algorithm(stem, name)
        names[f"{stem.upper()}_DEFAULT_CONFIG"] = RecordedDict(recorder.algorithm)
    return names


def _recorded(fullname: str) -> str | None:
    """The leaf whose names a module has: that of ``….ppo``, or of its inner ``….ppo.ppo``."""
    for package in _PACKAGES:
        leaves = fullname.removeprefix(package).split(".")[1:]
        inside = fullname.startswith(f"{package}.") and len(leaves) <= 2
        if inside and all(leaf in _STEMS for leaf in leaves):
            return leaves[-1]
    return None


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the recording modules, and RLlib's example environments under their old path."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        package = fullname.rpartition(".")[0]
        empty = fullname in ("ray.rllib.agents", _EXAMPLES)
        if _recorded(fullname) or empty or package == _EXAMPLES:
            return importlib.util.spec_from_loader(fullname, self, is_package=package != _EXAMPLES)
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
        leaf = _recorded(module.__name__)
        if leaf is not None:
            module.__dict__.update(_names(leaf))


@contextmanager
def retired_modules() -> Iterator[None]:
    """Inside of it, files find RLlib's configuration classes in their recording form."""
    hidden = {name: module for name, module in sys.modules.items() if _recorded(name)}
    for name in hidden:
        del sys.modules[name]
    # A parent package knows its modules as attributes too, and some of their classes.
    parents = [module for name in _PACKAGES if (module := sys.modules.get(name)) is not None]
    attributes = [(parent, _shown(parent)) for parent in parents]
    for parent, shown in attributes:
        for name in shown:
            delattr(parent, name)
    package = sys.modules["ray.rllib.algorithms"]
    vars(package).update({f"{stem}Config": recorder for stem, recorder in _RECORDERS.items()})
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        with mock.patch.object(registry, "get_trainable_cls", _trainable):
            yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if _ours(module)]:
            del sys.modules[name]
        sys.modules.update(hidden)
        for parent, shown in attributes:
            for name in [name for name, value in vars(parent).items() if _ours(value)]:
                delattr(parent, name)
            vars(parent).update(shown)


def gone(error: BaseException) -> str | None:
    """What to say about a module of RLlib's or gym's that current releases do not have."""
    if not isinstance(error, ImportError) or error.name is None:
        return None
    fitting = [name for name in _GONE if f"{error.name}.".startswith(f"{name}.")]
    return _GONE[fitting[0]] if fitting else None


def _shown(parent: ModuleType) -> dict[str, Any]:
    """The attributes of a package that the recording ones replace."""
    replaced = {*_STEMS, *(f"{stem}Config" for stem in _RECORDERS)}
    return {name: value for name, value in vars(parent).items() if name in replaced}


def _ours(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return isinstance(getattr(value, "__loader__", None), _Finder)
    return value in _RECORDERS.values() if isinstance(value, type) else False
