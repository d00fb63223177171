"""Batches of sequences for recurrent networks; no sequence crosses an episode's start.

A sequence ends at an episode's end (so that reset rows are in none), at every multiple of
``max_seq_len`` within a fragment and at the fragment's end. Counting from the fragment's start, not
from the episode's, lets a rollout keep states in a plain array of [⌈T / max_seq_len⌉, N, D].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.learner.batch import AdvantageSettings, Batch, make_batch
from rllib_zoo.algorithms.learner.model_columns import model_columns, recorded_columns


@dataclass(frozen=True)
class SequencePlan:
    """Positions of the S sequences of a rollout [T, N], ordered by their first step.

    Attributes:
        rows: [B] int64, time-major flat indices (t·N + n) of all unmasked steps, sequence by
            sequence.
        lengths: [S] int64, steps of each sequence; their sum is B.
        first_steps: [S] int64, t of each sequence's first step.
        columns: [S] int64, n of each sequence.
    """

    rows: np.ndarray
    lengths: np.ndarray
    first_steps: np.ndarray
    columns: np.ndarray


def plan_sequences(mask_TN: np.ndarray, firsts_TN: np.ndarray, max_seq_len: int) -> SequencePlan:
    """Split a rollout's columns into sequences.

    Args:
        mask_TN: bool, False where a step was spent on a reset.
        firsts_TN: bool, True where an episode begins.
        max_seq_len: maximum length of a sequence.
    """
    length, num_envs = mask_TN.shape
    on_grid = np.arange(length) % max_seq_len == 0
    begins_TN = firsts_TN | on_grid[:, None]
    # Column by column, so that the steps of a sequence are adjacent.
    valid = np.flatnonzero(mask_TN.T)
    begins = np.flatnonzero(begins_TN.T.reshape(-1)[valid])
    columns, first_steps = np.divmod(valid[begins], length)
    lengths = np.diff(np.append(begins, len(valid)))
    order = np.lexsort((columns, first_steps))
    starts = first_steps[order] * num_envs + columns[order]
    within = _arange_each(torch.from_numpy(lengths[order])).numpy()
    rows = np.repeat(starts, lengths[order]) + within * num_envs
    return SequencePlan(rows, lengths[order], first_steps[order], columns[order])


@dataclass(frozen=True, kw_only=True)
class SequenceBatch(Batch):
    """A batch whose rows, all valid, are S sequences one after the other.

    Attributes:
        lengths: [S] int64 on the CPU, rows of each sequence; their sum is B.
        states: [S, D] float32, recurrent states of the acting policy before each sequence.
        masked: number of masked rows of the rollout, which are left out.
    """

    lengths: Tensor
    states: Tensor
    masked: int = 0

    @property
    def num_rows(self) -> int:
        """T·N, which is equal for all learners, unlike the number of unmasked rows."""
        return len(self.advantages) + self.masked

    def outputs(self, network: Any) -> tuple[Tensor, Tensor]:
        """Distribution inputs [B, K] and values [B] with the network's current weights."""
        columns = model_columns(network, self)
        return network.recurrent.unroll(self.obs, self.lengths, self.states, columns)

    def split(self, number: int) -> list[Batch]:
        """Up to ``number`` chunks of neighbouring sequences, views, of about equal numbers of rows."""
        if number == 1:
            return [self]
        ends = torch.cumsum(self.lengths, 0).tolist()
        cuts = balanced_cuts(self.lengths, number)
        chunks: list[Batch] = []
        for low, high in zip([0, *cuts], [*cuts, len(ends)], strict=True):
            rows = slice(ends[low - 1] if low else 0, ends[high - 1])
            lengths, states = self.lengths[low:high], self.states[low:high]
            chunks.append(SequenceBatch(**self.columns(rows), lengths=lengths, states=states))
        return chunks

    def minibatches(
        self, number: int, generator: torch.Generator | None, *, distributed: bool
    ) -> Iterator[Batch]:
        """One epoch's minibatches of whole sequences, of about equal numbers of steps.

        Arguments as for ``Batch``; if ``distributed``, sequences are repeated where there are too few.
        """
        count = len(self.lengths)
        order = torch.arange(count)
        if number > 1 and generator is not None:
            order = torch.randperm(count, generator=generator)
        if count < number and distributed:
            order = order.repeat(-(-number // count))
        number = min(number, len(order))
        if number == 1:
            yield self
            return
        for chunk in torch.tensor_split(order, balanced_cuts(self.lengths[order], number)):
            yield self.sequences(chunk)

    def sequences(self, index: Tensor) -> SequenceBatch:
        """The sequences at ``index`` (int64 on the CPU), a copy."""
        lengths = self.lengths[index]
        starts = (torch.cumsum(self.lengths, 0) - self.lengths)[index]
        rows = torch.repeat_interleave(starts, lengths) + _arange_each(lengths)
        rows = rows.to(self.obs.device)
        states = self.states[index.to(self.states.device)]
        return SequenceBatch(**self.columns(rows), lengths=lengths, states=states)


def batch_for(
    network: Any,
    arrays: Mapping[str, np.ndarray],
    settings: AdvantageSettings,
    device: torch.device | str,
) -> Batch:
    """The batch to train a network on: of single steps, or of sequences if it is recurrent.

    Args:
        network: a ``ModelV2Module``.
        arrays: of ``Rollout.arrays()``; with ``states`` and ``firsts`` for recurrent networks.
        settings: how advantages are estimated.
        device: of the tensors.
    """
    batch = make_batch(arrays, settings, device)
    if recorded := recorded_columns(network, arrays, device):
        batch = replace(batch, recorded=recorded)
    if network.recurrent is None:
        return batch
    firsts, states = arrays["firsts"], arrays["states"]
    plan = plan_sequences(arrays["mask"], firsts, network.max_seq_len)
    stored = torch.from_numpy(states[plan.first_steps // network.max_seq_len, plan.columns])
    is_first = torch.from_numpy(firsts[plan.first_steps, plan.columns])
    initial = network.recurrent.initial_state()
    return SequenceBatch(
        **batch.columns(torch.from_numpy(plan.rows).to(device)),
        lengths=torch.from_numpy(plan.lengths),
        states=torch.where(is_first[:, None], initial, stored).to(device),
        masked=arrays["mask"].size - len(plan.rows),
    )


def balanced_cuts(lengths: Tensor, number: int) -> list[int]:
    """Split sequences into ``number`` non-empty groups of nearly equal total length.

    Returns:
        Index of the first sequence of the second, third, … group; fewer groups than ``number`` if
        there are fewer sequences.
    """
    count = len(lengths)
    number = min(number, count)
    ends = torch.cumsum(lengths, 0).numpy()
    cuts: list[int] = []
    for group in range(1, number):
        target = int(ends[-1]) * group / number
        # The cut nearest to the target row: before or after the sequence that contains it.
        index = int(np.searchsorted(ends, target))
        before = int(ends[index - 1]) if index else 0
        nearest = index + (target - before > ends[index] - target)
        lowest = cuts[-1] + 1 if cuts else 1
        cuts.append(min(max(nearest, lowest), count - (number - group)))
    return cuts


def _arange_each(lengths: Tensor) -> Tensor:
    """``arange`` of every length, concatenated: [2, 3] gives 0 1 0 1 2."""
    starts = torch.cumsum(lengths, 0) - lengths
    return torch.arange(int(lengths.sum())) - torch.repeat_interleave(starts, lengths)
