"""The packages that an environment is made of: its own and its physics engine, with their versions."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv

from rllib_zoo.envs.creators import gymnasium_spec

# Recorded for every run.
_COMMON = frozenset(("numpy", "gymnasium", "ray", "torch", "rllib-zoo"))
# Modules whose packages need no search of the installation, which takes 0.2 seconds.
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
    names = {
        name
        for module in modules - _COMMON_MODULES
        for name in packages_of_modules().get(module, ())
    }
    return {name: importlib.metadata.version(name) for name in sorted(names - _COMMON)}


@cache
def packages_of_modules() -> dict[str, list[str]]:
    """Top-level module → the installed packages that it belongs to."""
    return dict(importlib.metadata.packages_distributions())


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
