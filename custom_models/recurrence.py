"""Recurrent TorchModelV2 networks: sequences of observations instead of single ones.

A state is one flat float32 vector of D numbers per environment, whatever tensors the model uses. Rows
of several sequences are concatenated; padding is internal to this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from ray.rllib.models.catalog import MODEL_DEFAULTS
from ray.rllib.models.torch.recurrent_net import LSTMWrapper
from ray.rllib.models.torch.torch_modelv2 import TorchModelV2
from torch import Tensor

from rllib_zoo.custom_models.model_hooks import fast_path
from rllib_zoo.custom_models.model_inputs import ModelInputs
from rllib_zoo.custom_models.thread_safety import SharedModel


class RecurrentModel:
    """A TorchModelV2 with a state, applied to whole sequences.

    Works with RLlib's LSTM wrapper (``use_lstm``) and with any model whose
    ``get_initial_state()`` is not empty. The encoder of a wrapped model with ``lstm_features(obs)`` runs
    without padding, and its LSTM and heads stay in float32 under autocast.

    =============  ==========  =======  ==========================================================
    symbol         shape       dtype    meaning
    =============  ==========  =======  ==========================================================
    obs            [B, …]      any      rows of S sequences, one sequence after the other
    lengths        [S]         int64    rows of each sequence, on the CPU; their sum is B
    states         [S, D]      float32  the network's state before a sequence's first row
    dist_inputs    [B, K]      float32  as of any network
    values         [B]         float32  V(s)
    =============  ==========  =======  ==========================================================
    """

    def __init__(self, shared: SharedModel, prepare: Callable[[Tensor], Tensor]):
        """``prepare`` converts observations for the model (image layout, scale)."""
        model = shared.model
        self._shared = shared
        self._prepare = prepare
        self._encodes = encodes_for_lstm(model)
        self._shapes = [tuple(np.shape(part)) for part in model.get_initial_state()]
        self._sizes = [math.prod(shape) for shape in self._shapes]

    def initial_state(self) -> Tensor:
        """The state at an episode's start, [D], on the CPU."""
        parts = [torch.as_tensor(part) for part in self._shared.model.get_initial_state()]
        return torch.cat([part.detach().float().cpu().reshape(-1) for part in parts])

    def step(
        self, obs: Tensor, states: Tensor, columns: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One row of every sequence: dist inputs [S, K], values [S], new states [S, D].

        ``columns``: what a custom model reads besides observations, one row per observation.
        """
        return self._run(obs, torch.ones(len(obs), dtype=torch.int64), states, None, columns or {})

    def unroll(
        self,
        obs: Tensor,
        lengths: Tensor,
        states: Tensor,
        columns: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Dist inputs [B, K] and values [B] of whole sequences; ``columns`` as in :meth:`step`."""
        kept = _kept(lengths, len(obs), obs.device)
        dist_inputs, values, _ = self._run(obs, lengths, states, kept, columns or {})
        return dist_inputs, values

    def padded(
        self, columns: Mapping[str, Tensor], lengths: Tensor, states: Tensor
    ) -> dict[str, Tensor]:
        """RLlib's columns of whole sequences: [S·L, …] padded with zeros, ``seq_lens``, ``state_in_0``, …"""
        count = int(lengths.sum())
        device = states.device
        kept, rows = _kept(lengths, count, device), int(lengths.max()) * len(lengths)
        padded = {name: _padded(column, kept, rows) for name, column in columns.items()}
        parts = {f"state_in_{i}": part for i, part in enumerate(self._split(states))}
        return {**padded, **parts, "seq_lens": lengths.to(device)}

    def _run(
        self,
        obs: Tensor,
        lengths: Tensor,
        states: Tensor,
        kept: Tensor | None,
        columns: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``kept``: indices of the rows among the padded ones; None without padding."""
        padded_rows = len(obs) if kept is None else int(lengths.max()) * len(lengths)
        lengths = lengths.to(obs.device)

        def forward(model: Any) -> tuple[Tensor, list[Tensor], Tensor]:
            parts = self._split(states)
            encoded = model.lstm_features(self._prepare(obs)) if self._encodes else None
            # Logits and values in bfloat16 made learning collapse (see actor_critic.py).
            with torch.autocast(obs.device.type, enabled=False):
                if encoded is not None:
                    padded = _padded(encoded.float(), kept, padded_rows)
                    inputs = padded.reshape(len(lengths), -1, padded.shape[1])
                    outputs, after = model.forward_rnn(inputs, parts, lengths)
                else:
                    padded = _padded(obs, kept, padded_rows)
                    others = {k: _padded(v, kept, padded_rows) for k, v in columns.items()}
                    inputs = {"obs": self._prepare(padded), **others, "seq_lens": lengths}
                    inputs = ModelInputs(inputs, is_training=model.training)
                    outputs, after = model(inputs, parts, lengths)
                return outputs, after, model.value_function()

        outputs, after, values = self._shared.run(forward)
        outputs, values = outputs.reshape(padded_rows, -1), values.reshape(-1)
        if kept is not None:
            outputs, values = outputs.index_select(0, kept), values.index_select(0, kept)
        return outputs, values, torch.cat([part.reshape(len(lengths), -1) for part in after], 1)

    def _split(self, states: Tensor) -> list[Tensor]:
        """The model's state tensors, [S, *shape] each, from flat ones [S, D]."""
        parts = states.split(self._sizes, dim=1)
        return [
            part.reshape(len(states), *shape).contiguous()
            for part, shape in zip(parts, self._shapes, strict=True)
        ]


def encodes_for_lstm(model: TorchModelV2) -> bool:
    """Whether it is RLlib's LSTM around a model whose encoder can be called separately."""
    return isinstance(model, LSTMWrapper) and fast_path(model, "lstm_features") is not None


def _kept(lengths: Tensor, count: int, device: torch.device) -> Tensor | None:
    """Indices of ``count`` rows among the padded ones; None without padding."""
    longest = int(lengths.max())
    return None if longest * len(lengths) == count else _unpadded(lengths, longest).to(device)


def _unpadded(lengths: Tensor, longest: int) -> Tensor:
    """Indices [B] of the rows when every sequence is padded to ``longest``."""
    return torch.nonzero((torch.arange(longest) < lengths[:, None]).reshape(-1)).squeeze(1)


def _padded(rows: Tensor, kept: Tensor | None, padded_rows: int) -> Tensor:
    """Rows at the indices ``kept`` among zeros."""
    if kept is None:
        return rows
    return rows.new_zeros((padded_rows, *rows.shape[1:])).index_copy(0, kept, rows)


def check_recurrence(model: Mapping[str, Any]) -> None:
    """Validate the ``model`` keys of recurrent networks.

    Args:
        model: the ``model:`` dict without defaults.

    Raises:
        ValueError: an invalid value, or a key without effect; one line.
    """
    for key in ("max_seq_len", "lstm_cell_size"):
        value = model.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"model.{key} must be an integer of at least 1, got {value!r}")
    wrapped = model.get("use_lstm", False)
    if not isinstance(wrapped, bool):
        raise ValueError(f"model.use_lstm must be true or false, got {wrapped!r}")
    if not wrapped and "lstm_cell_size" in model:
        raise ValueError("model.lstm_cell_size has no effect without use_lstm: true")
    if not wrapped and "max_seq_len" in model and model.get("custom_model") is None:
        raise ValueError("model.max_seq_len has no effect without use_lstm: true")
    if wrapped and model.get("free_log_std"):
        raise ValueError(
            "model.free_log_std is not supported with use_lstm: RLlib's LSTM has the policy head, whose "
            "log standard deviations depend on the observations"
        )


def max_seq_len(model: Mapping[str, Any]) -> int:
    """Steps of the longest sequence, of a ``model:`` dict without defaults."""
    return int(model.get("max_seq_len", MODEL_DEFAULTS["max_seq_len"]))
