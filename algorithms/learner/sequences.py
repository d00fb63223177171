"""Batches for recurrent networks: rows in sequences that never cross an episode's start.

A sequence ends at an episode's end (so that reset rows are in none), at every multiple of
``max_seq_len`` within a fragment and at the fragment's end. Counting from the fragment's start, not
from the episode's, lets a rollout keep states in a plain array of [⌈T / max_seq_len⌉, N, D].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rllib_zoo.algorithms.learner.batch import AdvantageSettings, Batch, make_batch


@dataclass(frozen=True)
class SequencePlan:
    """Where the S sequences of a rollout [T, N] stand, in order of their first step's time.

    Attributes:
        rows: [B] int64, time-major flat indices (t·N + n) of all unmasked steps, sequence by
            sequence.
        lengths: [S] int64, steps of each sequence; they sum to B.
        first_steps: [S] int64, t of each sequence's first step.
        columns: [S] int64, n of each sequence.
    """

    rows: np.ndarray
    lengths: np.ndarray
    first_steps: np.ndarray
    columns: np.ndarray


def plan_sequences(mask_TN: np.ndarray, firsts_TN: np.ndarray, max_seq_len: int) -> SequencePlan:
    """Cut a rollout's columns into sequences.

    Args:
        mask_TN: bool, False where a step was spent on a reset.
        firsts_TN: bool, True where an episode begins: the state was reset before that step.
        max_seq_len: no sequence is longer.
    """
    length, num_envs = mask_TN.shape
    on_grid = np.arange(length) % max_seq_len == 0
    begins_TN = firsts_TN | on_grid[:, None]
    # Column after column, so that the steps of a sequence are neighbours.
    valid = np.flatnonzero(mask_TN.T)
    begins = np.flatnonzero(begins_TN.T.reshape(-1)[valid])
    columns, first_steps = np.divmod(valid[begins], length)
    lengths = np.diff(np.append(begins, len(valid)))
    order = np.lexsort((columns, first_steps))
    starts = first_steps[order] * num_envs + columns[order]
    within = _counting(torch.from_numpy(lengths[order])).numpy()
    rows = np.repeat(starts, lengths[order]) + within * num_envs
    return SequencePlan(rows, lengths[order], first_steps[order], columns[order])


@dataclass(frozen=True, kw_only=True)
class SequenceBatch(Batch):
    """A batch whose rows, all valid, are S sequences one after the other.

    Attributes:
        lengths: [S] int64 on the CPU, rows of each sequence; they sum to B.
        states: [S, D] float32, what the acting policy remembered before each sequence.
        masked: how many masked rows of the rollout were left out.
    """

    lengths: Tensor
    states: Tensor
    masked: int = 0

    @property
    def num_rows(self) -> int:
        """T·N, equal for all learners, unlike the number of unmasked rows."""
        return len(self.advantages) + self.masked

    def outputs(self, network: Any) -> tuple[Tensor, Tensor]:
        """Dist inputs [B, K] and values [B] under the network's present weights."""
        return network.recurrent.unroll(self.obs, self.lengths, self.states)

    def split(self, number: int) -> list[Batch]:
        """So many shares of neighbouring sequences, views, of about equal numbers of rows.

        Fewer where there are not as many sequences.
        """
        if number == 1:
            return [self]
        ends = torch.cumsum(self.lengths, 0).tolist()
        cuts = group_cuts(self.lengths, number)
        shares: list[Batch] = []
        for low, high in zip([0, *cuts], [*cuts, len(ends)], strict=True):
            rows = slice(ends[low - 1] if low else 0, ends[high - 1])
            columns = {name: getattr(self, name)[rows] for name in ROW_COLUMNS}
            lengths, states = self.lengths[low:high], self.states[low:high]
            shares.append(SequenceBatch(**columns, lengths=lengths, states=states))
        return shares

    def sequences(self, index: Tensor) -> SequenceBatch:
        """The named sequences, a copy; ``index`` int64 on the CPU."""
        lengths = self.lengths[index]
        starts = (torch.cumsum(self.lengths, 0) - self.lengths)[index]
        rows = torch.repeat_interleave(starts, lengths) + _counting(lengths)
        rows = rows.to(self.obs.device)
        columns = {name: getattr(self, name)[rows] for name in ROW_COLUMNS}
        states = self.states[index.to(self.states.device)]
        return SequenceBatch(**columns, lengths=lengths, states=states)


ROW_COLUMNS = tuple(field.name for field in fields(Batch) if field.name != "valid")


def batch_for(
    network: Any,
    arrays: Mapping[str, np.ndarray],
    settings: AdvantageSettings,
    device: torch.device | str,
) -> Batch:
    """The batch a network trains on: single steps, or sequences where it is recurrent.

    Args:
        network: the hosted network, ``ModelV2Module``.
        arrays: of ``Rollout.arrays()``; recurrent ones with ``states`` and ``firsts``.
        settings: how advantages are estimated.
        device: where the tensors go.
    """
    batch = make_batch(arrays, settings, device)
    if network.recurrent is None:
        return batch
    firsts, states = arrays["firsts"], arrays["states"]
    plan = plan_sequences(arrays["mask"], firsts, network.max_seq_len)
    cells = states[plan.first_steps // network.max_seq_len, plan.columns]
    fresh = torch.from_numpy(firsts[plan.first_steps, plan.columns])
    start = network.recurrent.initial_state()
    starts = torch.where(fresh[:, None], start, torch.from_numpy(cells))
    steps = batch.rows(torch.from_numpy(plan.rows).to(device))
    return SequenceBatch(
        **{name: getattr(steps, name) for name in ROW_COLUMNS},
        lengths=torch.from_numpy(plan.lengths),
        states=starts.to(device),
        masked=arrays["mask"].size - len(plan.rows),
    )


def sequence_minibatches(
    batch: SequenceBatch, number: int, generator: torch.Generator | None, *, distributed: bool
) -> Iterator[Batch]:
    """One epoch's minibatches of whole sequences, of about equal numbers of steps.

    Args:
        batch: what they are drawn from.
        number: how many; fewer where there are not as many sequences.
        generator: shuffles the sequences; None leaves them in order of time.
        distributed: there are other learners, who wait for this one at every gradient: ``number``
            is exact, some sequences are taken twice where there are too few.
    """
    count = len(batch.lengths)
    order = torch.arange(count)
    if number > 1 and generator is not None:
        order = torch.randperm(count, generator=generator)
    if count < number and distributed:
        order = order.repeat(-(-number // count))
    number = min(number, len(order))
    if number == 1:
        yield batch
        return
    cuts = group_cuts(batch.lengths[order], number)
    for chunk in torch.tensor_split(order, cuts):
        yield batch.sequences(chunk)


def group_cuts(lengths: Tensor, number: int) -> list[int]:
    """Where to cut a row of sequences into ``number`` groups, none empty, of nearly equal size.

    Returns:
        The first sequence of the second, third, … group; fewer groups than ``number`` where there
        are fewer sequences.
    """
    count = len(lengths)
    number = min(number, count)
    ends = torch.cumsum(lengths, 0).numpy()
    cuts: list[int] = []
    for group in range(1, number):
        wanted = int(ends[-1]) * group / number
        # The cut nearest to the wanted row: before or after the sequence that it falls into.
        place = int(np.searchsorted(ends, wanted))
        before = int(ends[place - 1]) if place else 0
        nearest = place + (wanted - before > ends[place] - wanted)
        lowest = cuts[-1] + 1 if cuts else 1
        cuts.append(min(max(nearest, lowest), count - (number - group)))
    return cuts


def _counting(lengths: Tensor) -> Tensor:
    """0, 1, … up to each length, one after the other: [2, 3] gives 0 1 0 1 2."""
    starts = torch.cumsum(lengths, 0) - lengths
    return torch.arange(int(lengths.sum())) - torch.repeat_interleave(starts, lengths)
