"""Names and types of all configuration keys, nested ones included."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base import schema
from rllib_zoo.algorithms.base.other_names import other_name_hint
from rllib_zoo.algorithms.base.validators import Kind, complaint
from rllib_zoo.class_path import is_ours
from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.custom_models.model_keys import check_model_keys
from rllib_zoo.experiments.errors import (
    IMPORT_HINT,
    Collected,
    RequestError,
    nearest,
    nearest_import,
)
from rllib_zoo.experiments.legacy import renamed_keys
from rllib_zoo.experiments.legacy.releases import keys_of_rllib
from rllib_zoo.experiments.legacy.removed_keys import REMOVED
from rllib_zoo.experiments.spec.search_space import (
    MAX_COMBINATIONS,
    SAMPLERS,
    alternatives,
    sampler_in,
)

# This project's own network, whose options are checked without importing it.
OURS = "custom_models.SharedEncoderActorCritic"


def check_config(algorithm: str, config: Mapping[str, Any], where: str) -> None:
    """Check names and types of all keys, nested ones included.

    Raises:
        RequestError: an unknown key or an invalid value.
    """
    supported = schema.keys_of(algorithm)
    with Collected() as check:
        for key, value in config.items():
            with check():
                _check_key(algorithm, config, key, value, where, supported)


def _check_key(
    algorithm: str,
    config: Mapping[str, Any],
    key: str,
    value: Any,
    where: str,
    supported: Mapping[str, Kind],
) -> None:
    name = schema.ALIASES.get(key, key)
    path = f"{where}.{key}"
    if name not in supported:
        raise _unknown_key(algorithm, str(key), path, supported)
    if name == "explore" and where == "config":
        hint = "use evaluation_config"
        raise RequestError("has no effect on training, which samples", key=path, hint=hint)
    if name != key and name in config:
        raise RequestError(f"is set twice, also as {name}", key=path)
    for alternative in alternatives(value, path):
        _check_value(supported[name], alternative, path)
        _check_nested(algorithm, name, alternative, path)


def _check_value(kind: Kind, value: Any, path: str) -> None:
    if problem := complaint(kind, value):
        is_sampler = isinstance(value, Mapping) and len(value) == 1
        hint = nearest(next(iter(value)), SAMPLERS) if is_sampler else None
        raise RequestError(problem, key=path, hint=hint)


def _check_nested(algorithm: str, name: str, value: Any, path: str) -> None:
    """Check the keys inside a value that is a mapping."""
    nested = algorithms.descriptor(algorithm).nested_keys.get(name)
    if nested is not None:
        _check_keys(value, nested, path)
    elif name == "model":
        _check_model(value, path)
    elif name == "optimizer":
        _check_keys(value, schema.OPTIMIZER_KEYS, path)
    elif name == "evaluation_config" and value:
        _refuse_learning(algorithm, value, path)
        # Another environment, checked with those of training.
        check_config(algorithm, {k: v for k, v in value.items() if k != "env"}, path)


def _refuse_learning(algorithm: str, evaluation: Mapping[str, Any], path: str) -> None:
    """Refuse keys that evaluation, which has the network of training, does not read."""
    descriptor = algorithms.descriptor(algorithm)
    own = descriptor.keys if descriptor.on_policy else ()
    without = {"evaluation_config", "model", *schema.LEARNING, *own}
    with Collected() as check:
        for key in evaluation:
            with check():
                if schema.ALIASES.get(key, key) in without:
                    raise RequestError("has no effect in evaluation", key=f"{path}.{key}")


def _unknown_key(
    algorithm: str, key: str, path: str, supported: Mapping[str, Kind]
) -> RequestError:
    legacy = {**renamed_keys.NOW, **renamed_keys.RENAMED}
    other = other_name_hint(key, supported, algorithm)
    # `batch_size` is a name of Ray 0.4 and of Stable-Baselines3, with different meanings.
    if other is not None and (key not in legacy or not keys_of_rllib([key], algorithm)):
        return RequestError(f"is not a key of {algorithm}", key=path, hint=other)
    if key in legacy:
        problem = "is a name of older RLlib releases"
        return RequestError(problem, key=path, hint=f"use {legacy[key]}")
    if key in schema.UNUSED or key in REMOVED:
        reason = schema.UNUSED[key] if key in schema.UNUSED else REMOVED[key].reason
        return RequestError("has no effect here", key=path, hint=reason)
    if owners := [name for name, keys in schema.own_keys().items() if key in keys]:
        owner_hint = f"it belongs to {' and '.join(owners)}"
        return RequestError(f"is not a key of {algorithm}", key=path, hint=owner_hint)
    hint = nearest(key, [*supported, *schema.ALIASES, *legacy])
    for old, new in legacy.items():
        if hint == f"did you mean {old!r}?":
            hint = f"did you mean {old!r}, now called {new!r}?"
    return RequestError(f"is not a key of {algorithm}", key=path, hint=hint)


def _check_keys(options: Mapping[str, Any], kinds: Mapping[str, Kind], where: str) -> None:
    with Collected() as check:
        for key, value in options.items():
            path = f"{where}.{key}"
            with check():
                if key not in kinds:
                    raise RequestError("is unknown", key=path, hint=nearest(key, kinds))
                for alternative in alternatives(value, path):
                    _check_value(kinds[key], alternative, path)


def _check_model(model: Mapping[str, Any], where: str) -> None:
    """Check the model dict: names, types, the custom model and its options."""
    with Collected() as check:
        for key, value in model.items():
            with check():
                _check_model_key(model, key, value, where)
        customs = alternatives(model.get("custom_model"), f"{where}.custom_model")
        options = model.get("custom_model_config") or {}
        # A misspelt `custom_model` is one mistake, not two.
        if options and customs == [None] and not check.errors:
            key = f"{where}.custom_model_config"
            raise RequestError("has no effect without custom_model", key=key)
        for custom in customs:
            with check():
                if custom is not None and isinstance(options, Mapping):
                    check_custom_model(custom, options, where)


def _check_model_key(model: Mapping[str, Any], key: str, value: Any, where: str) -> None:
    if not isinstance(key, str):
        raise RequestError("is not a model key", key=f"{where}.{key}")
    for alternative in alternatives(value, f"{where}.{key}"):
        try:
            check_model_keys({key: alternative})
        except ValueError as error:
            raise RequestError(str(error), key=where, hint=_own_option(model, key)) from None
        if key in schema.MODEL_KEYS:
            _check_value(schema.MODEL_KEYS[key], alternative, f"{where}.{key}")


def _own_option(model: Mapping[str, Any], key: str) -> str | None:
    """A hint where an unknown key may be an option of the custom model."""
    if not model.get("custom_model"):
        return None
    return f"options of a custom model's own go below it: custom_model_config: {{{key}: …}}"


def check_custom_model(custom: Any, options: Mapping[str, Any], where: str) -> None:
    """Check ``custom_model`` and, for this project's own class, ``custom_model_config``."""
    if not (custom == OURS and is_ours("custom_models")):
        model = _resolved_model(custom, f"{where}.custom_model")
        from rllib_zoo.custom_models import SharedEncoderActorCritic

        if model is not SharedEncoderActorCritic:
            return
    for alternative in expanded(options, f"{where}.custom_model_config"):
        try:
            ActorCriticOptions.from_dict(alternative)
        except ValueError as error:
            raise RequestError(str(error), key=where) from None


def _resolved_model(custom: Any, path: str) -> Any:
    """The class of a ``custom_model``, or the name that it is registered by."""
    from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
    from ray.tune.registry import RLLIB_MODEL, _global_registry

    from rllib_zoo.custom_models.rl_module import resolved_model_class

    hint = nearest(custom, [OURS])
    try:
        model = resolved_model_class(custom)
    except ValueError as error:
        raise RequestError(str(error), key=path, hint=hint or nearest_import(custom)) from None
    if isinstance(model, str):
        if not _global_registry.contains(RLLIB_MODEL, model):
            problem = f"{model!r} is neither a class path nor a registered model"
            raise RequestError(problem, key=path, hint=hint or IMPORT_HINT)
    elif not (isinstance(model, type) and issubclass(model, TorchModelV2)):
        raise RequestError(f"{custom!r} is not a TorchModelV2", key=path, hint=hint)
    return model


def combinations(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first ``MAX_COMBINATIONS`` configurations of a search, samplers at their bounds."""
    choices = [[(key, item) for item in expanded(value, key)] for key, value in config.items()]
    return [
        dict(pairs) for pairs in itertools.islice(itertools.product(*choices), MAX_COMBINATIONS)
    ]


def expanded(value: Any, key: str) -> list[Any]:
    """All alternatives of one value, nested grids and samplers included."""
    if isinstance(value, Mapping) and sampler_in(value, key) is None:
        return list(combinations(value))
    return alternatives(value, key)
