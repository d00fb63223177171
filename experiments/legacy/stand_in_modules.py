"""Load Python config files that import RLlib's configuration classes, also of older releases.

While a file is loaded, modules such as ``ray.rllib.algorithms.a2c`` contain classes that record
settings (:mod:`rllib_zoo.experiments.legacy.config_recorders`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import ray
from ray import tune
from ray.tune import registry

from rllib_zoo.experiments.legacy.config_recorders import (
    RecordedAlgorithm,
    RecordedConfig,
    RecordedDict,
    TrainingCallError,
)

# Module → names of its algorithms, its own first.
_SINGLE = (
    "TD3", "APPO", "DDPPO", "SAC", "ES", "ARS", "BC", "MARWIL", "CQL", "CRR", "DreamerV3", "IQL",
    "QMIX", "R2D2",
)  # fmt: skip
_ALGORITHMS = {
    "a2c": ("A2C",), "a3c": ("A3C", "A2C"), "pg": ("PG",), "ppo": ("PPO", "APPO", "DDPPO"),
    "dqn": ("DQN", "SimpleQ", "Apex", "R2D2"), "ddpg": ("DDPG", "TD3", "ApexDDPG"),
    "simple_q": ("SimpleQ",), "impala": ("IMPALA", "Impala"), "apex_dqn": ("ApexDQN",),
    **{name.lower(): (name,) for name in _SINGLE},
}  # fmt: skip
# Packages of these modules in Ray 2, Ray 0.5 to 1.x, and Ray 0.4.
_PACKAGES = ("ray.rllib.algorithms", "ray.rllib.agents", "ray.rllib")
_OLD_EXAMPLES, _EXAMPLES = "ray.rllib.examples.env", "ray.rllib.examples.envs.classes"
_get_trainable_cls = registry.get_trainable_cls


def _config_class(name: str) -> type[RecordedConfig]:
    algorithm = name.replace("Impala", "IMPALA")
    return type(f"{name}Config", (RecordedConfig,), {"algorithm": algorithm})


_CONFIGS = {name: _config_class(name) for names in _ALGORITHMS.values() for name in names}


@contextmanager
def stand_in_modules(file: Path) -> Iterator[None]:
    """Replace RLlib's modules, functions that start Ray, and ``sys.argv``; restore them at the end."""
    replaced: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (vars(ray), {"init": _refuse("ray.init()")}),
        (vars(tune), {n: _refuse(f"tune.{n}()") for n in ("run", "run_experiments", "Tuner")}),
        (vars(registry), {"get_trainable_cls": _stand_in_trainable}),
        (vars(sys), {"argv": [str(file)]}),
    ]
    modules = _build_modules()
    replaced.append((sys.modules, modules))
    for name, module in modules.items():
        package, _, child = name.rpartition(".")
        parent = modules.get(package) or sys.modules.get(package)
        if parent is not None:
            replaced.append((vars(parent), {child: module}))
    configs = {f"{name}Config": config for name, config in _CONFIGS.items()}
    replaced.append((vars(sys.modules["ray.rllib.algorithms"]), configs))
    originals = [
        {name: namespace[name] for name in values if name in namespace}
        for namespace, values in replaced
    ]
    for namespace, values in replaced:
        namespace.update(values)
    try:
        yield
    finally:
        for (namespace, values), original in zip(replaced, originals, strict=True):
            for name in values:
                namespace.pop(name, None)
            namespace.update(original)


def missing_module_hint(error: BaseException) -> str | None:
    """The hint for a module of RLlib or gym that current releases do not have."""
    name = f"{error.name}." if isinstance(error, ImportError) else ""
    if name.startswith("ray.rllib.agents."):
        return "only DEFAULT_CONFIG of ray.rllib.agents.ppo and similar modules is supported"
    if name.startswith("ray.rllib."):
        return "only PPOConfig of ray.rllib.algorithms.ppo and similar modules is supported"
    return "use gymnasium instead of gym" if name.startswith("gym.") else None


def _build_modules() -> dict[str, ModuleType]:
    """Name → module, for all algorithms and for RLlib's example environments at their old path."""
    names = {module: _module_names(module) for module in _ALGORITHMS}
    modules = {name: _package(name, {}) for name in ("ray.rllib.agents", _OLD_EXAMPLES)}
    for package in _PACKAGES:
        for outer in _ALGORITHMS:
            modules[f"{package}.{outer}"] = _package(f"{package}.{outer}", names[outer])
            for inner in _ALGORITHMS:  # as in ray.rllib.agents.ppo.appo
                name = f"{package}.{outer}.{inner}"
                modules[name] = _package(name, names[inner])
    for path in (Path(ray.__file__).parent / "rllib/examples/envs/classes").glob("[!_]*"):
        name = f"{_OLD_EXAMPLES}.{path.stem}"
        modules[name] = ModuleType(name)
        vars(modules[name])["__getattr__"] = _lazy_attribute(f"{_EXAMPLES}.{path.stem}")
    return modules


def _package(name: str, names: dict[str, Any]) -> ModuleType:
    package = ModuleType(name)
    package.__path__ = []
    vars(package).update(names)
    return package


def _module_names(module: str) -> dict[str, Any]:
    """The names that files import from an algorithm's module."""
    names: dict[str, Any] = {"DEFAULT_CONFIG": RecordedDict(_ALGORITHMS[module][0])}
    for algorithm in _ALGORITHMS[module]:
        config = _CONFIGS[algorithm]
        names[f"{algorithm}Config"] = config
        names[f"{algorithm.upper()}_DEFAULT_CONFIG"] = RecordedDict(config.algorithm)
        for name in (algorithm, f"{algorithm}Trainer", f"{algorithm}Agent"):
            names[name] = _algorithm_class(algorithm, name)
    return names


def _algorithm_class(algorithm: str, name: str) -> type[RecordedAlgorithm]:
    return type(name, (RecordedAlgorithm,), {"config_class": _CONFIGS[algorithm]})


def _lazy_attribute(module: str) -> Callable[[str], Any]:
    return lambda name: getattr(importlib.import_module(module), name)


def _stand_in_trainable(name: str) -> Any:
    """Replaces Tune's ``get_trainable_cls``."""
    for algorithm in _CONFIGS:
        if algorithm.lower() == str(name).lower():
            return _algorithm_class(algorithm, algorithm)
    return _get_trainable_cls(name)


def _refuse(call: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise TrainingCallError(call)

    return refuse
