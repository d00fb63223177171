"""How to learn: A2C, A3C, DDPG, DQN, PG and PPO as RLlib algorithms, registered by one explicit call."""

from __future__ import annotations

import importlib
from typing import Any

# Name in config files → module and stem of its classes (`<stem>` and `<stem>Config`).
_MODULES = {
    "A2C": "rllib_zoo.algorithms.a2c",
    "A3C": "rllib_zoo.algorithms.a3c",
    "DDPG": "rllib_zoo.algorithms.ddpg",
    "DQN": "rllib_zoo.algorithms.dqn",
    "PG": "rllib_zoo.algorithms.pg",
    "PPO": "rllib_zoo.algorithms.ppo",
}
NAMES = tuple(_MODULES)
# Those on this project's own runner, learner and results; DQN is RLlib's.
ON_POLICY = ("A2C", "A3C", "PG", "PPO")


def algorithm_class(name: str) -> Any:
    """The Algorithm class of a name in ``NAMES``."""
    return getattr(importlib.import_module(_MODULES[name]), name)


def config_class(name: str) -> Any:
    """The configuration class of a name in ``NAMES``."""
    return getattr(importlib.import_module(_MODULES[name]), f"{name}Config")


def register() -> None:
    """Make ``run: A2C`` and ``tune.Tuner("A2C", …)`` mean this project's classes.

    PPO and DQN replace RLlib's classes of these names. Call it once per process that names algorithms.
    """
    from ray.tune import register_trainable
    from ray.util.debug import log_once

    for name in NAMES:
        # RLlib announces the new API stack once per algorithm; here nothing else is on offer.
        log_once(f"{name}_on_new_api_stack")
        register_trainable(name, algorithm_class(name))
