"""Settings that a Python program hands over: names that nothing reads raise.

RLlib's ``update_from_dict``, through which Tune's ``param_space`` goes, turns an unknown key into a new
attribute and says nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any

from ray.rllib.algorithms.algorithm_config import DEPRECATED_VALUE, NotProvided
from ray.tune.search.sample import Categorical

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base import schema
from rllib_zoo.algorithms.base.older_names import RENAMED
from rllib_zoo.algorithms.base.other_names import OTHER_NAMES, other_name_hint
from rllib_zoo.custom_models.model_keys import check_model_keys

# Attributes that are no settings of an algorithm's, but may be set.
_ALWAYS = {"env", "class", "worker_index", "in_evaluation"}
# Only the dictionary of a whole configuration has it.
_WHOLE = "_model_config"
# Settings that the builder merges with the default → one of their keys.
_MERGED = {"model": "fcnet_hiddens", "replay_buffer_config": "capacity"}


def require_known(config: Any, settings: Mapping[str, Any]) -> None:
    """Check the names of settings, nested ones included.

    Settings of RLlib's that have no effect here are refused too, unless their value is the one that
    ``config`` has.

    Args:
        config: a configuration of this project, or of a class derived from one.
        settings: key → value, as for ``update_from_dict``; values of ``NotProvided`` are ignored.

    Raises:
        ValueError: the first invalid one, with the nearest valid name.
    """
    descriptor = algorithms.descriptor_of(config)
    if descriptor is None:  # a class of the user's own: its attributes are its keys
        return
    known = {*schema.keys_of(descriptor.name), *_added_attributes(config, descriptor)}
    whole = _WHOLE in settings
    for key, value in settings.items():
        if not isinstance(key, str):
            raise ValueError(f"{key!r} is not a key of {descriptor.name}: keys are text")
        name = config._translate_special_keys(key, warn_deprecated=False)
        if value is NotProvided or name in _ALWAYS or _is_of_tune(name):
            continue
        if name in known:
            # A whole configuration has the merged model, RLlib's defaults included.
            if not (whole and name == "model"):
                _require_known_inside(config, descriptor, name, value)
        elif not _is_harmless(config, name, value, whole=whole):
            raise ValueError(_message(key, descriptor.name, known, has=name in vars(config)))


def _added_attributes(config: Any, descriptor: Any) -> Iterable[str]:
    """Attributes that a user's own subclass adds."""
    if type(config) is descriptor.config_class:
        return ()
    return vars(config).keys() - vars(descriptor.config_class()).keys()


def _is_of_tune(name: str) -> bool:
    """Whether Tune added a key, such as ``__trial_info__``."""
    return name.startswith("__") and name.endswith("__")


def _is_harmless(config: Any, name: str, value: Any, *, whole: bool) -> bool:
    """Whether a key may be given: RLlib reads it, it has the present value, or it is in a whole one."""
    attributes = vars(config)
    if whole:
        return name in attributes or hasattr(type(config), name)
    if name not in attributes:
        return False
    try:
        if bool(attributes[name] == value):
            return True
        # RLlib's value of attributes that only keep a name of older releases.
        deprecated = bool(attributes[name] == DEPRECATED_VALUE)
    except Exception:  # objects without a usable ==
        deprecated = False
    # RLlib reads its other attributes, such as `log_sys_usage`.
    others: tuple[Container[str], ...] = (
        schema.COMMON,
        schema.UNUSED,
        OTHER_NAMES,
        *schema.own_keys().values(),
    )
    return not deprecated and not any(name in keys for keys in others)


def _require_known_inside(config: Any, descriptor: Any, name: str, value: Any) -> None:
    """Check the keys inside a value that is a mapping, or a choice of Tune's between mappings."""
    choices = _choices(value)
    if choices is not None and name in _MERGED:
        hint = f"write it inside: {{{_MERGED[name]}: …}}"
        raise ValueError(f"{name}: cannot be a choice, it is merged with the default; {hint}")
    for alternative in choices or ():
        _require_known_inside(config, descriptor, name, alternative)
    if choices is not None or not isinstance(value, Mapping):
        return
    if name == "evaluation_config":
        try:
            require_known(config, value)
        except ValueError as error:
            raise ValueError(f"evaluation_config: {error}") from None
        return
    kinds = descriptor.nested_keys.get(name)
    if kinds is None and name == "optimizer":
        kinds = schema.OPTIMIZER_KEYS
    if kinds is None and name == "model":
        check_model_keys(value)
    for key in value if kinds is not None else ():
        if key not in kinds:
            raise ValueError(f"{name}: {key!r} is unknown{_nearest(key, kinds)}")


def _choices(value: Any) -> list[Any] | None:
    """The alternatives of Tune's ``grid_search`` and ``choice``; None of any other value."""
    if isinstance(value, Mapping):
        grid = value.get("grid_search") if len(value) == 1 else None
        return grid if isinstance(grid, list) else None
    return list(value.categories) if isinstance(value, Categorical) else None


def _message(key: str, algorithm: str, known: Collection[str], *, has: bool) -> str:
    hint = other_name_hint(key, known, algorithm)
    if hint is None and RENAMED.get(key) in known:
        hint = f"use {RENAMED[key].rstrip('_')}"
    if hint is None and key in schema.UNUSED:
        hint = schema.UNUSED[key]
    if hint is not None:
        return f"{key!r} is not a key of {algorithm}; {hint}"
    owners = [name for name, keys in schema.own_keys().items() if key in keys]
    if owners:
        return f"{key!r} is not a key of {algorithm}; it belongs to {' and '.join(owners)}"
    if has:
        return f"{key!r} has no effect on {algorithm}"
    return f"{key!r} is not a key of {algorithm}{_nearest(key, known)}"


def _nearest(key: object, valid: Iterable[str]) -> str:
    similar = difflib.get_close_matches(str(key), list(valid), n=1)
    return f"; did you mean {similar[0].rstrip('_')!r}?" if similar else ""
