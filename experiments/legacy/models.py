"""What the retired ``model`` dict, and RLlib's newer one, say in today's words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.removed_keys import INITIALIZERS
from rllib_zoo.experiments.spec.changes import Edits, one_value

# Ray 0.4 called it preprocessing; Ray 2.10 to 2.40 describe their RLModules so.
_OTHER_NAMES = ("preprocessing", "model_config_dict", "model_config")


def into_model(edits: Edits) -> None:
    """One ``model`` of what releases spread over several keys.

    Raises:
        RequestError: one of them is no mapping, or contradicts ``model``.
    """
    for name in _OTHER_NAMES:
        path = f"config.{name}"
        if not edits.has(path):
            continue
        given, model = _as_mapping(edits.get(path), path), edits.get("config.model") or {}
        twice = [key for key in given if key in model and model[key] != given[key]]
        if twice or not isinstance(model, Mapping):
            raise RequestError("is set twice, also in model", key=f"{path}.{twice[0]}")
        edits.change(path, "config.model", {**model, **given}, "is model now")


def _as_mapping(given: Any, path: str) -> dict[str, Any]:
    """What a mapping or RLlib's ``DefaultModelConfig`` sets; the latter shares layers unasked."""
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        values, defaults = dataclasses.asdict(given), dataclasses.asdict(type(given)())
        shared = {"vf_share_layers": values.get("vf_share_layers", False)}
        return {key: v for key, v in values.items() if v != defaults[key]} | shared
    if given is not None and not isinstance(given, Mapping):
        raise RequestError(f"must map keys to values, got {given!r}", key=path)
    return dict(given or {})


def lstm_use_prev_action_reward(edits: Edits, path: str) -> None:
    """One key for two."""
    value, scope = one_value(edits.get(path), path), path.rsplit(".", 1)[0]
    if not value:
        edits.leave_out(path, "the recurrent layer gets the observation alone")
        return
    edits.change(path, f"{scope}.lstm_use_prev_action", value, "is two keys now")
    edits.fill(f"{scope}.lstm_use_prev_reward", value, "is two keys now")


def screen_colours(edits: Edits, path: str) -> None:
    """``grayscale`` and ``zero_mean`` of Atari screens."""
    edits.leave_out(path, "screens are gray and scaled to [0, 1]")


def initial_weights(edits: Edits, path: str) -> None:
    """RLlib's networks for TorchModelV2 do not read them."""
    edits.leave_out(path, "weights start as RLlib's own networks do")


def of_recurrence(edits: Edits, path: str) -> None:
    """Without a recurrent layer they said nothing."""
    scope = path.rsplit(".", 1)[0]
    if not edits.get(f"{scope}.use_lstm") and not edits.get(f"{scope}.custom_model"):
        edits.leave_out(path, "there is no recurrent layer")


def head_hiddens(edits: Edits, path: str) -> None:
    """Layers behind the encoder."""
    new = path.replace("head_fcnet_hiddens", "post_fcnet_hiddens")
    edits.change(path, new, edits.get(path), "are layers of the one network, of its activation")


def head_activation(edits: Edits, path: str) -> None:
    """One network has one activation."""
    edits.leave_out(path, "the network has one activation, fcnet_activation")


def squash_to_range(edits: Edits, path: str) -> None:
    """Ray 0.4's word for actions that cover the space's range."""
    if one_value(edits.get(path), path) is True:
        new = path.replace("model.squash_to_range", "normalize_actions")
        edits.change(path, new, True, "is how actions cover their range now")
    else:
        edits.leave_out(path, "actions are normalized by normalize_actions")


MODEL_SPECIAL: dict[str, Callable[[Edits, str], None]] = {
    "lstm_use_prev_action_reward": lstm_use_prev_action_reward,
    "squash_to_range": squash_to_range,
    "head_fcnet_hiddens": head_hiddens,
    "head_fcnet_activation": head_activation,
}
MODEL_SPECIAL_VALUES: dict[str, Callable[[Edits, str], None]] = {
    "grayscale": screen_colours,
    "zero_mean": screen_colours,
    "max_seq_len": of_recurrence,
    "lstm_cell_size": of_recurrence,
    **dict.fromkeys(INITIALIZERS, initial_weights),
}
