"""A2C, A3C and PPO from tuned config files on current Ray RLlib.

The code lives in the folders of the checkout and is imported below this name: ``algorithms/ppo.py`` is
``rllib_zoo.algorithms.ppo``. So a project's own ``envs``, ``analysis`` or ``algorithms`` stay its own.
The names in ``__all__`` are imported when they are first used: ``import rllib_zoo`` costs nothing.
"""

from __future__ import annotations

import importlib
import os.path
from typing import Any

# A checkout that is not installed, on PYTHONPATH alone, has the folders beside this one.
_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_CHECKOUT, "pyproject.toml")):
    __path__.append(_CHECKOUT)

# Public name → module that defines it.
_MODULES = {
    "A2CConfig": "algorithms.a2c",
    "A3CConfig": "algorithms.a3c",
    "DDPGConfig": "algorithms.ddpg",
    "DQNConfig": "algorithms.dqn",
    "PGConfig": "algorithms.pg",
    "PPOConfig": "algorithms.ppo",
    "SharedEncoderActorCritic": "custom_models",
    "make_single_env": "envs",
    "make_vector_env": "envs",
    "register": "algorithms",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
