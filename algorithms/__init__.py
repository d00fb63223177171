"""How to learn: A2C, A3C, DDPG, DQN, PG and PPO as RLlib algorithms, registered by one explicit call.

Everything else reads an algorithm's properties from its descriptor
(``algorithms/base/descriptor.py``), never from its name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pkgutil import resolve_name
from typing import Any

from rllib_zoo.algorithms import descriptors
from rllib_zoo.algorithms.base import validators
from rllib_zoo.algorithms.base.descriptor import AlgorithmDescriptor

BUILT_IN = {
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
    return (*BUILT_IN, *_added)


def canonical(name: str) -> str:
    """A name in any case as it is in :func:`names`; the class at a dotted path becomes one of them.

    Other names, and paths of no such class, are returned as they are.
    """
    if "." not in name or name in names():
        return {known.lower(): known for known in names()}.get(name.lower(), name)
    with suppress(Exception):  # of the user's module; add_path tells it
        return add_path(name)
    return name


def descriptor(name: str) -> AlgorithmDescriptor:
    """The descriptor of an algorithm.

    Raises:
        KeyError: the name is not in :func:`names`.
    """
    return _added[name] if name in _added else BUILT_IN[name]


def add(new: AlgorithmDescriptor) -> None:
    """Make an algorithm of one's own known by its name, to config files and to Tune.

    Call it in a module that the command imports (``rllib train file … --import MODULE``).

    Raises:
        ValueError: an algorithm of this project has that name.
    """
    from ray.tune import register_trainable

    if new.name in BUILT_IN:
        raise ValueError(f"algorithm name {new.name!r} is taken")
    _added[new.name] = new
    register_trainable(new.name, new.algorithm_class)


def algorithm_class(name: str) -> Any:
    """The RLlib Algorithm class of a name in :func:`names`."""
    return descriptor(name).algorithm_class


def config_class(name: str) -> Any:
    """The configuration class of a name in :func:`names`."""
    return descriptor(name).config_class


def default_config(name: str) -> Any:
    """A new configuration object of a name in :func:`names`, with the algorithm's defaults."""
    return algorithm_class(name).get_default_config()


def add_path(path: str) -> str:
    """Make the class at a dotted path known, see :func:`add_class`.

    Where a module has only its configuration, ``my_module.Mine`` is the class of ``my_module.MineConfig``.

    Raises:
        ImportError, AttributeError: there is none.
        ValueError: it is not derived from an algorithm of this project.
    """
    try:
        return add_class(resolve_name(path))
    except AttributeError as error:
        try:
            configuration = resolve_name(f"{path}Config")
        except AttributeError:
            raise error from None
        return add_class(class_of(configuration))


def class_of(configuration: Any) -> Any:
    """The algorithm of a configuration class: its own, or that of its base with this configuration."""
    own = configuration().algo_class
    if own.default_config_class is configuration:
        return own
    module, name = configuration.__module__, configuration.__name__.removesuffix("Config")
    return type(name, (own,), {"default_config_class": configuration, "__module__": module})


def add_class(own: Any, config: Any = None, name: str | None = None) -> str:
    """Make a class derived from an algorithm of this project known; returns its name.

    Its configuration keys are those of that algorithm and what its default configuration adds, each with
    the type of its default.

    Args:
        own: the class.
        config: its default configuration; None: a new one.
        name: instead of the class's path.

    Raises:
        ValueError: it is not derived from one, or sets a loss where the algorithm has several.
    """
    known = next((new.name for new in _added.values() if new.algorithm is own), None)
    base = _built_in(own) if isinstance(own, type) else None
    if base is None:
        raise ValueError(f"{own!r} is no class derived from {', '.join(BUILT_IN)}")
    if own.__name__ == base.name and own.__module__.startswith(f"{__name__}."):
        return base.name
    if known is not None and name in (None, known):
        return known
    _added.pop(str(known), None)
    if own.loss is not None and not base.on_policy:
        raise ValueError(f"{own.__name__} sets a loss, but {base.name} computes several of its own")
    if config is None:
        config = own.get_default_config()  # which comes back here
    added = vars(config).keys() - vars(base.config_class()).keys()
    keys = {key: validators.of_type(getattr(config, key)) for key in added if key[0] != "_"}
    name = name or f"{own.__module__}.{own.__qualname__}"
    new = replace(base, name=name, algorithm=own, keys={**base.keys, **keys})
    _added[name] = replace(new, agent_keys=(*base.agent_keys, *keys))
    return name


def _built_in(own: type) -> AlgorithmDescriptor | None:
    """The descriptor of the algorithm that a class is, or is derived from."""
    ours = [cls for cls in own.__mro__ if cls.__module__.startswith(f"{__name__}.")]
    return next((BUILT_IN[cls.__name__] for cls in ours if cls.__name__ in BUILT_IN), None)


def descriptor_of(config: Any) -> AlgorithmDescriptor | None:
    """The descriptor of a configuration object's algorithm; None for a class of nobody's here."""
    algorithm = getattr(config, "algo_class", None)
    for new in _added.values():
        if new.algorithm is algorithm:
            return new
    bases = [cls.__name__.removesuffix("Config") for cls in type(config).__mro__]
    return next((descriptor(name) for name in bases if name in BUILT_IN), None)


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
