"""Names and kinds of every configuration key, those inside its mappings too."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from ray.tune.registry import RLLIB_MODEL, _global_registry

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.validators import Kind, complaint
from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic
from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.custom_models.rl_module import checked_model_config, resolved_model_class
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.legacy import renamed_keys
from rllib_zoo.experiments.legacy.removed_keys import REMOVED
from rllib_zoo.experiments.spec import schema
from rllib_zoo.experiments.spec.search_space import MAX_COMBINATIONS, alternatives, sampler_in


def check_config(algorithm: str, config: Mapping[str, Any], where: str) -> None:
    """Names and kinds of every key, those inside its mappings too."""
    known = schema.keys_of(algorithm)
    for key, value in config.items():
        name = schema.ALIASES.get(key, key)
        path = f"{where}.{key}"
        if name not in known:
            raise _unknown_key(algorithm, str(key), path, known)
        if name == "explore" and where == "config":
            raise RequestError(
                "has no effect on training, which samples", key=path, hint="use evaluation_config"
            )
        if name != key and name in config:
            raise RequestError(f"is set twice, also as {name}", key=path)
        for alternative in alternatives(value, path):
            if problem := complaint(known[name], alternative):
                raise RequestError(problem, key=path)
            _check_nested(algorithm, name, alternative, path)


def _check_nested(algorithm: str, name: str, value: Any, path: str) -> None:
    """What stands inside those keys that are mappings."""
    nested = algorithms.descriptor(algorithm).nested_keys.get(name)
    if nested is not None:
        _check_keys(value, nested, path)
    elif name == "model":
        _check_model(value, path)
    elif name == "optimizer":
        _check_keys(value, schema.OPTIMIZER_KEYS, path)
    elif name == "evaluation_config" and value:
        if name in value:
            raise RequestError("has no effect there", key=f"{path}.{name}")
        check_config(algorithm, value, path)


def _unknown_key(algorithm: str, key: str, path: str, known: Mapping[str, Kind]) -> RequestError:
    now = {**renamed_keys.NOW, **renamed_keys.RENAMED}.get(key)
    if now is not None:
        return RequestError("is a name of older RLlib releases", key=path, hint=f"use {now}")
    reason = schema.UNUSED.get(key)
    if reason is not None:
        return RequestError("has no effect here", key=path, hint=reason)
    if key in REMOVED:
        return RequestError("has no effect here", key=path, hint=REMOVED[key].reason)
    owners = [name for name, keys in schema.own_keys().items() if key in keys]
    if owners:
        owner_hint = f"it belongs to {' and '.join(owners)}"
        return RequestError(f"is not a key of {algorithm}", key=path, hint=owner_hint)
    retired = {**renamed_keys.NOW, **renamed_keys.RENAMED}
    hint = nearest(key, [*known, *schema.ALIASES, *retired])
    for old, new in retired.items():
        if hint == nearest(old, [old]):
            hint = f"did you mean {old!r}, which is {new!r} today?"
    return RequestError(f"is not a key of {algorithm}", key=path, hint=hint)


def _check_keys(given: Mapping[str, Any], known: Mapping[str, Kind], where: str) -> None:
    for key, value in given.items():
        if key not in known:
            raise RequestError("is unknown", key=f"{where}.{key}", hint=nearest(key, known))
        for alternative in alternatives(value, f"{where}.{key}"):
            if problem := complaint(known[key], alternative):
                raise RequestError(problem, key=f"{where}.{key}")


def _check_model(model: Mapping[str, Any], where: str) -> None:
    """The model dict: names, kinds, the custom model and its own options."""
    for key, value in model.items():
        if not isinstance(key, str):
            raise RequestError("is not a model key", key=f"{where}.{key}")
        for alternative in alternatives(value, f"{where}.{key}"):
            try:
                checked_model_config({key: alternative})
            except ValueError as error:
                raise RequestError(str(error), key=where) from None
            kind = schema.MODEL_KEYS.get(key)
            if kind is not None and (problem := complaint(kind, alternative)):
                raise RequestError(problem, key=f"{where}.{key}")
    customs = alternatives(model.get("custom_model"), f"{where}.custom_model")
    if model.get("custom_model_config") and customs == [None]:
        raise RequestError("has no effect without custom_model", key=f"{where}.custom_model_config")
    for custom in customs:
        if custom is not None:
            _check_custom_model(custom, model.get("custom_model_config", {}), where)


def _check_custom_model(custom: Any, options: Mapping[str, Any], where: str) -> None:
    """The class of ``custom_model`` and, for ours, ``custom_model_config``."""
    path = f"{where}.custom_model"
    hint = nearest(custom, ["custom_models.SharedEncoderActorCritic"])
    try:
        found = resolved_model_class(custom)
    except ValueError as error:
        raise RequestError(str(error), key=path, hint=hint) from None
    if isinstance(found, str):
        if not _global_registry.contains(RLLIB_MODEL, found):
            raise RequestError(
                f"{found!r} is neither a class path nor a registered model", key=path, hint=hint
            )
    elif not (isinstance(found, type) and issubclass(found, TorchModelV2)):
        raise RequestError(f"{custom!r} is not a TorchModelV2", key=path, hint=hint)
    if found is not SharedEncoderActorCritic:
        return
    for given in expanded(options, f"{path}_config"):
        try:
            ActorCriticOptions.from_dict(given)
        except ValueError as error:
            raise RequestError(str(error), key=where) from None


def combinations(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a search may run, samplers at their ends; the first ``MAX_COMBINATIONS`` of it."""
    choices = [[(key, item) for item in expanded(value, key)] for key, value in config.items()]
    products = itertools.islice(itertools.product(*choices), MAX_COMBINATIONS)
    return [dict(pairs) for pairs in products]


def expanded(value: Any, key: str) -> list[Any]:
    """What one value may become, grids and samplers inside it included."""
    if isinstance(value, Mapping) and sampler_in(value, key) is None:
        return list(combinations(value))
    return alternatives(value, key)
