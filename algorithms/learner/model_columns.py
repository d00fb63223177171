"""The columns of a batch that a custom TorchModelV2 reads, under RLlib's names; its loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from ray.rllib.policy.sample_batch import SampleBatch
from torch import Tensor

from rllib_zoo.custom_models import model_hooks
from rllib_zoo.custom_models.model_inputs import ModelInputs

# RLlib's column → a rollout's array.
_ARRAYS = {
    SampleBatch.REWARDS: "rewards",
    SampleBatch.TERMINATEDS: "terminated",
    SampleBatch.TRUNCATEDS: "truncated",
    SampleBatch.NEXT_OBS: "next_obs",
}


def recorded_columns(
    network: Any, arrays: Mapping[str, np.ndarray], device: torch.device | str
) -> dict[str, Tensor]:
    """The columns of a rollout that a :class:`Batch` has not, [T·N, …]; empty for most networks.

    Args:
        network: an RLModule.
        arrays: of ``Rollout.arrays()``, [T, N, …].
        device: of the tensors.
    """
    columns: dict[str, Tensor] = {}
    if network.views is not None:
        columns = network.views.columns(_flat(arrays["views"], device), training=True)
    if network.reads_training_columns:
        columns |= {name: _flat(arrays[array], device) for name, array in _ARRAYS.items()}
        columns["dones"] = columns[SampleBatch.TERMINATEDS] | columns[SampleBatch.TRUNCATEDS]
    return columns


def _flat(array_TN: np.ndarray, device: torch.device | str) -> Tensor:
    flat = np.ascontiguousarray(array_TN).reshape(-1, *array_TN.shape[2:])
    return torch.from_numpy(flat if flat.flags.writeable else flat.copy()).to(device)


def model_columns(network: Any, batch: Any) -> dict[str, Tensor]:
    """What a custom model reads besides observations in training, [B, …] each."""
    if not batch.recorded:
        return {}
    columns = dict(batch.recorded)
    if network.reads_training_columns:
        columns[SampleBatch.NEXT_OBS] = network.prepared(columns[SampleBatch.NEXT_OBS])
        columns |= {
            SampleBatch.ACTIONS: batch.actions,
            SampleBatch.ACTION_DIST_INPUTS: batch.old_dist_inputs,
            SampleBatch.ACTION_LOGP: batch.old_log_probs,
            SampleBatch.ACTION_PROB: batch.old_log_probs.exp(),
            SampleBatch.VF_PREDS: batch.old_values,
            "advantages": batch.advantages,
            "value_targets": batch.value_targets,
        }
    return columns


def with_custom_loss(
    network: Any, loss: Tensor, stats: dict[str, Tensor], batch: Any
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and metrics after the custom model's ``custom_loss``; ``total_loss`` becomes the new loss.

    Args:
        network: an RLModule.
        loss: of the batch.
        stats: its metrics.
        batch: all rows valid. Of a recurrent network the model gets padded sequences, as in RLlib.
    """
    if not network.has_custom_loss:
        return loss, stats
    columns = {SampleBatch.OBS: network.prepared(batch.obs), **model_columns(network, batch)}
    if network.recurrent is not None:
        columns = network.recurrent.padded(columns, batch.lengths, batch.states)
    loss = model_hooks.custom_loss(network.model, loss, ModelInputs(columns, is_training=True))
    return loss, {**stats, "total_loss": loss.detach()}


def model_metrics(network: Any) -> dict[str, Tensor]:
    """The custom model's ``metrics()``, named ``model/<name>``; empty without any."""
    return model_hooks.model_metrics(network.model) if network.has_metrics else {}
