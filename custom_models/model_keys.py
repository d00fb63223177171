"""The keys of the ``model:`` dict, known without RLlib, whose import takes seconds."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

# The key of this project: custom models get images as [H, W, C].
CHANNELS_LAST = "channels_last"
_LAYERS = (
    "fcnet_weights", "fcnet_bias", "conv_kernel", "conv_bias", "conv_transpose_kernel",
    "conv_transpose_bias", "post_fcnet_weights", "post_fcnet_bias", "lstm_weights", "lstm_bias",
)  # fmt: skip
_INITIALIZERS = tuple(f"{name}_initializer{end}" for name in _LAYERS for end in ("", "_config"))
# Those of RLlib 2.60's MODEL_DEFAULTS.
RLLIB_MODEL_KEYS = (
    *_INITIALIZERS, "fcnet_hiddens", "fcnet_activation", "conv_filters", "conv_activation",
    "post_fcnet_hiddens", "post_fcnet_activation", "free_log_std", "log_std_clip_param",
    "no_final_linear", "vf_share_layers", "use_lstm", "max_seq_len", "lstm_cell_size",
    "lstm_use_prev_action", "lstm_use_prev_reward", "_time_major", "use_attention",
    "attention_num_transformer_units", "attention_dim", "attention_num_heads", "attention_head_dim",
    "attention_memory_inference", "attention_memory_training", "attention_position_wise_mlp_dim",
    "attention_init_gru_gate_bias", "attention_use_n_prev_actions", "attention_use_n_prev_rewards",
    "framestack", "dim", "grayscale", "zero_mean", "custom_model", "custom_model_config",
    "custom_action_dist", "custom_preprocessor", "encoder_latent_dim", "always_check_shapes",
    "lstm_use_prev_action_reward", "_use_default_native_models", "_disable_preprocessor_api",
    "_disable_action_flattening",
)  # fmt: skip
MODEL_KEYS = (*RLLIB_MODEL_KEYS, CHANNELS_LAST)
# Keys of RLlib's catalogue that are not supported, with the reason.
UNSUPPORTED_MODEL_KEYS = {
    "use_attention": "attention networks are not supported",
    "lstm_use_prev_action": "RLlib's LSTM gets observations only; include the last action in them",
    "lstm_use_prev_reward": "RLlib's LSTM gets observations only; include the last reward in them",
    "custom_action_dist": "the action distribution follows from the action space",
    "custom_preprocessor": "wrap the environment instead",
    "_time_major": "sequences are [B, T, …]",
    "_disable_preprocessor_api": "custom models get the structure in obs, the vector in obs_flat",
    "_disable_action_flattening": "actions are flat vectors",
    **dict.fromkeys(_INITIALIZERS, "RLlib's networks for TorchModelV2 do not read it"),
}


def check_model_keys(model: Mapping[str, Any]) -> None:
    """Check the names of a ``model:`` dict.

    Raises:
        ValueError: unknown or unsupported key; names it and the nearest valid one.
    """
    for key, value in model.items():
        if key not in MODEL_KEYS:
            near = difflib.get_close_matches(key, MODEL_KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"model key {key!r} is unknown{hint}")
        if key in UNSUPPORTED_MODEL_KEYS and value:
            raise ValueError(f"model key {key!r}: {UNSUPPORTED_MODEL_KEYS[key]}")
