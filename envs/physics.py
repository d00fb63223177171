"""The packages that an environment is made of: its own and its physics engine, with their versions."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Collection, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv

from rllib_zoo.envs.creators import gymnasium_spec

# Recorded for every run.
_COMMON = frozenset(("numpy", "gymnasium", "ray", "torch", "rllib-zoo"))
# Modules whose packages need no search of the installation.
_COMMON_MODULES = {*sys.stdlib_module_names, *(name.replace("-", "_") for name in _COMMON)}
# Top-level modules of physics engines.
ENGINES = frozenset(
    ("mujoco", "mujoco_py", "dm_control", "Box2D", "pybullet", "pybullet_envs", "pymunk", "brax",
     "jax", "panda3d", "mlagents_envs", "robosuite", "genesis", "warp", "drake", "pydrake")
)  # fmt: skip


def physics_versions(env: str | type[gym.Env], vector: VectorEnv) -> dict[str, str]:
    """Name → version of the packages whose code steps an environment; empty for gymnasium's own.

    They are the packages of its class and bases, and the engines that their modules import, for example
    ``mujoco`` for HalfCheetah and ``Box2D`` for LunarLander.

    Args:
        env: gymnasium id, registered name, class path or class.
        vector: copies of it; those in other processes are not looked into.
    """
    modules = {
        module
        for cls in _class_of(env, vector).__mro__
        for module in (cls.__module__.partition(".")[0], *(ENGINES & set(_imports(cls))))
    }
    packages = packages_of_modules(modules - _COMMON_MODULES)
    versions = {package.metadata["Name"]: package.version for package in packages}
    return {name: versions[name] for name in sorted(versions.keys() - _COMMON)}


def packages_of_modules(modules: Collection[str]) -> list[importlib.metadata.Distribution]:
    """The installed packages that top-level modules belong to."""
    return [package for package, names in _installed() if not names.isdisjoint(modules)]


@cache
def _installed() -> tuple[tuple[importlib.metadata.Distribution, frozenset[str]], ...]:
    """Every installed package with its top-level modules: those that it declares, or those of its files.

    ``importlib.metadata.packages_distributions`` takes many times as long: it makes a path of every file and
    parses the metadata of every package.
    """
    found = []
    for package in importlib.metadata.distributions():
        names = (package.read_text("top_level.txt") or "").split()
        if not names:
            files = (package.read_text("RECORD") or "").splitlines() or map(
                str, package.files or ()
            )
            names = [re.split(r"[/.,]", file, maxsplit=1)[0] for file in files]
        found.append((package, frozenset(names)))
    return tuple(found)


def _class_of(env: str | type[gym.Env], vector: VectorEnv) -> type:
    if isinstance(env, type):
        return env
    spec = gymnasium_spec(env)
    entry = None if spec is None else spec.entry_point
    if isinstance(entry, str):
        entry = gym.envs.registration.load_env_creator(entry)
    if isinstance(entry, type):
        return entry
    copies = getattr(vector.unwrapped, "envs", ())
    return type(copies[0].unwrapped if copies else vector.unwrapped)


def _imports(cls: type) -> Iterator[str]:
    """Top-level names of what a class's module has imported."""
    if cls is object:
        return
    for value in vars(sys.modules.get(cls.__module__, ModuleType("none"))).values():
        name: Any = value.__name__ if isinstance(value, ModuleType) else None
        name = name or getattr(value, "__module__", None)
        if isinstance(name, str):
            yield name.partition(".")[0]
