"""How to learn: A2C, A3C, DDPG, DQN, PG and PPO as RLlib algorithms, registered by one explicit call.

Everything else reads an algorithm's properties from its descriptor
(``algorithms/base/descriptor.py``), never from its name.
"""

from __future__ import annotations

from typing import Any

from rllib_zoo.algorithms import descriptors
from rllib_zoo.algorithms.base.descriptor import AlgorithmDescriptor

_BUILT_IN = {
    new.name: new
    for new in (
        descriptors.A2C,
        descriptors.A3C,
        descriptors.DDPG,
        descriptors.DQN,
        descriptors.PG,
        descriptors.PPO,
    )
}
_added: dict[str, AlgorithmDescriptor] = {}


def names() -> tuple[str, ...]:
    """Every algorithm that config files may name."""
    return (*_BUILT_IN, *_added)


def canonical(name: str) -> str:
    """A name in any case as it is in :func:`names`; other names as they are."""
    return {known.lower(): known for known in names()}.get(name.lower(), name)


def descriptor(name: str) -> AlgorithmDescriptor:
    """The descriptor of an algorithm.

    Raises:
        KeyError: the name is not in :func:`names`.
    """
    return _added[name] if name in _added else _BUILT_IN[name]


def add(new: AlgorithmDescriptor) -> None:
    """Make an algorithm of one's own known by its name, to config files and to Tune.

    Call it in a module that the command imports (``rllib train file … --import MODULE``).

    Raises:
        ValueError: an algorithm of this project has that name.
    """
    from ray.tune import register_trainable

    if new.name in _BUILT_IN:
        raise ValueError(f"algorithm name {new.name!r} is taken")
    _added[new.name] = new
    register_trainable(new.name, new.algorithm_class)


def algorithm_class(name: str) -> Any:
    """The RLlib Algorithm class of a name in :func:`names`."""
    return descriptor(name).algorithm_class


def config_class(name: str) -> Any:
    """The configuration class of a name in :func:`names`."""
    return descriptor(name).config_class


def descriptor_of(config: Any) -> AlgorithmDescriptor | None:
    """The descriptor of a configuration object's algorithm; None for a class of nobody's here."""
    for new in _added.values():
        if isinstance(config, new.config_class):
            return new
    bases = [cls.__name__.removesuffix("Config") for cls in type(config).__mro__]
    return next((descriptor(name) for name in bases if name in _BUILT_IN), None)


def register() -> None:
    """Make ``run: A2C`` and ``tune.Tuner("A2C", …)`` mean this project's classes.

    PPO and DQN replace RLlib's classes of these names. Call it once per process that names algorithms.
    """
    from ray.tune import register_trainable
    from ray.util.debug import log_once

    for name in names():
        # RLlib announces the new API stack once per algorithm; here nothing else is on offer.
        log_once(f"{name}_on_new_api_stack")
        register_trainable(name, algorithm_class(name))
