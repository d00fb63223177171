"""Translate the ``model`` settings of older RLlib releases."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from rllib_zoo.envs import is_atari
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.removed_keys import INITIALIZERS
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import grid_values, require_single

OWN_NETWORK = "SharedEncoderActorCritic"

# "preprocessing" in Ray 0.4; the others for RLModules in Ray 2.10 to 2.40.
_OTHER_NAMES = ("preprocessing", "model_config_dict", "model_config")


def merge_into_model(edits: Edits) -> None:
    """Merge the other names of ``model`` into it.

    Raises:
        RequestError: one of them is not a mapping, or contradicts ``model``.
    """
    for name in _OTHER_NAMES:
        path = f"config.{name}"
        if not edits.has(path):
            continue
        settings, model = _as_mapping(edits.get(path), path), edits.get("config.model") or {}
        conflicts = [key for key in settings if key in model and model[key] != settings[key]]
        if conflicts or not isinstance(model, Mapping):
            raise RequestError("is set twice, also in model", key=f"{path}.{conflicts[0]}")
        edits.change(path, "config.model", {**model, **settings}, "is model")


def _as_mapping(settings: Any, path: str) -> dict[str, Any]:
    """The keys that a mapping or RLlib's ``DefaultModelConfig`` sets.

    A ``DefaultModelConfig`` always includes ``vf_share_layers``, whose default differs from RLlib's.
    """
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        values, defaults = dataclasses.asdict(settings), dataclasses.asdict(type(settings)())
        shared = {"vf_share_layers": values.get("vf_share_layers", False)}
        return {key: v for key, v in values.items() if v != defaults[key]} | shared
    if settings is not None and not isinstance(settings, Mapping):
        raise RequestError(f"must map keys to values, got {settings!r}", key=path)
    return dict(settings or {})


def channels_last(edits: Edits) -> None:
    """RLlib's Atari wrappers gave images [84, 84, 4]; this project's own network reads both layouts."""
    model = edits.get("config.model")
    custom = model.get("custom_model") if isinstance(model, Mapping) else None
    own = all(str(name).endswith(OWN_NETWORK) for name in grid_values(custom))
    if custom and not own and all(is_atari(env) for env in grid_values(edits.get("env"))):
        why = "RLlib's Atari wrappers gave images with their channels last"
        edits.fill("config.model.channels_last", True, why)


def lstm_use_prev_action_reward(edits: Edits, path: str) -> None:
    """One key is two keys in current releases."""
    value, parent = require_single(edits.get(path), path), path.rsplit(".", 1)[0]
    if not value:
        edits.remove(path, "the recurrent layer reads only the observation")
        return
    edits.change(path, f"{parent}.lstm_use_prev_action", value, "is two keys")
    edits.fill(f"{parent}.lstm_use_prev_reward", value, "is two keys")


def recurrent_only(edits: Edits, path: str) -> None:
    """Without a recurrent layer the key has no effect."""
    parent = path.rsplit(".", 1)[0]
    if not edits.get(f"{parent}.use_lstm") and not edits.get(f"{parent}.custom_model"):
        edits.remove(path, "the network has no recurrent layer")


def head_fcnet_hiddens(edits: Edits, path: str) -> None:
    """Layers after the encoder."""
    new = path.replace("head_fcnet_hiddens", "post_fcnet_hiddens")
    edits.change(path, new, edits.get(path), "layers of the same network and activation")


def squash_to_range(edits: Edits, path: str) -> None:
    """Ray 0.4 scaled actions to the action space with this key."""
    if require_single(edits.get(path), path) is True:
        new = path.replace("model.squash_to_range", "normalize_actions")
        edits.change(path, new, True, "is normalize_actions")
    else:
        edits.remove(path, "normalize_actions sets the scale of actions")


def _removal(why: str) -> Callable[[Edits, str], None]:
    return lambda edits, path: edits.remove(path, why)


# Keys that only legacy files have.
MODEL_SPECIAL: dict[str, Callable[[Edits, str], None]] = {
    "lstm_use_prev_action_reward": lstm_use_prev_action_reward,
    "squash_to_range": squash_to_range,
    "head_fcnet_hiddens": head_fcnet_hiddens,
    "head_fcnet_activation": _removal("the network has one activation, fcnet_activation"),
}
# Keys that still exist.
MODEL_SPECIAL_VALUES: dict[str, Callable[[Edits, str], None]] = {
    **dict.fromkeys(("grayscale", "zero_mean"), _removal("frames are gray and scaled to [0, 1]")),
    **dict.fromkeys(("max_seq_len", "lstm_cell_size"), recurrent_only),
    **dict.fromkeys(INITIALIZERS, _removal("weights are initialized as in RLlib's own networks")),
}
